// The page above several studies: leads an owner to the page of the study whose token is given.

import { $ } from "./common.js";

const find = document.querySelector("script[data-find]").dataset.find;

$("token-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    const response = await fetch(find, {
      method: "POST",
      headers: { Authorization: `Bearer ${$("token").value.trim()}` },
      credentials: "omit",
    });
    const reply = await response.json();
    if (response.ok) location.assign(reply.address);
    else $("token-hint").textContent = reply.error;
  } catch {
    $("token-hint").textContent = "The server cannot be reached.";
  }
});
