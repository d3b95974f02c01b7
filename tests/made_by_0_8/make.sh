#!/bin/bash
# Makes the folders and files beside this script, with version 0.8 of convergan:
#
#     git worktree add ../old a4e762b    # the last commit with all of 0.8.0 and nothing of 0.9.0
#     PYTHONPATH=../old/src tests/made_by_0_8/make.sh
#
# The folders are in folders.tar.xz; expected/ has what 0.8 itself made of them. They are for
# tests/test_old_folders.py and are never made with a later version. Locks name the machine and
# pages can be written again, so they are left out; so are the checkpoints of finished runs from
# which nothing is drawn.
set -euo pipefail
cd "$(dirname "$0")"
export OMP_NUM_THREADS=1
python=${PYTHON:-python}
convergan() { "$python" -m convergan "$@"; }
[ "$(convergan --version)" = 0.8.0 ] || { echo "this is not convergan 0.8.0" >&2; exit 1; }
folders="changed collapse estimator finished labels model study unfinished unfinished-toy"
rm -rf $folders expected folders.tar.xz
mkdir expected

stopped() { # FOLDER ARGUMENTS...: train, and stop by SIGTERM once the log has a line
    local folder=$1 code=0
    shift
    "$python" -m convergan train "$@" --out "$folder" --keep 1 --threads 1 &
    until [ -s "$folder/metrics.jsonl" ]; do sleep 0.01; done
    kill -TERM $!
    wait $! || code=$?
    [ $code = 143 ] && [ ! -e "$folder/result.json" ] || { echo "$folder is finished" >&2; exit 1; }
}

# A finished run with the supervised twin and the baselines; what is drawn of it and its score.
convergan train mine.py:digits --steps 100 --out finished --keep 1 --threads 1
convergan sample finished --count 20 --seed 1 --out expected/finished-samples.npz
convergan score finished --against digits --extractor mine.py:pixels --metrics fid,kid,prdc \
    --samples 200 --rows 400 --threads 1 --out expected/finished-score
mv expected/finished-score/score.json expected/finished-score.json
rm -r finished/twin/checkpoints finished/report.html expected/finished-score

# Unfinished runs, and the results of copies of them that 0.8 has ended.
stopped unfinished mine.py:digits --steps 200 --no-baselines
stopped unfinished-toy toy --steps 300
stopped changed mine.py:mnist --steps 1000 --no-baselines
convergan sample unfinished-toy --count 20 --seed 1 --out expected/unfinished-toy-samples.npz
for run in unfinished:mine.py:digits:200 unfinished-toy:toy:300; do
    IFS=: read -r folder recipe <<<"$run"
    steps=${recipe##*:} recipe=${recipe%:*}
    cp -r $folder ended
    convergan train "$recipe" --steps "$steps" --no-baselines --out ended --threads 1
    convergan sample ended --count 20 --seed 1 --out "expected/$folder-ended-samples.npz"
    mv ended/result.json "expected/$folder-ended.json"
    rm -r ended
done

# Sweeps: over label counts, and a study.
convergan sweep mnist-table --recipe digits --data digits --labels 20 --seeds 2 --steps 4 \
    --jobs 2 --out labels
convergan sweep collapse --data ring --seeds 1 --steps 20 --jobs 2 --out collapse
rm -r labels/*/*/checkpoints collapse/*/*/checkpoints labels/*/*/samples collapse/*.png
rm labels/*/*/report.html collapse/*/*/report.html

# A model of a table, and a classifier that its own method saved.
convergan fit table.csv --target kind --drop id --out model --max-epochs 5 --seed 0 --device cpu
convergan predict model new.csv --keep id --probabilities --out expected/predicted.csv
rm model/report.html
"$python" - <<'PYTHON'
import numpy as np
from convergan import SemiSupervisedGANClassifier

rows = np.loadtxt("table.csv", delimiter=",", skiprows=1, usecols=(1, 2, 3))
kinds = np.loadtxt("table.csv", delimiter=",", skiprows=1, usecols=4, dtype=str)
labels = np.searchsorted(["", "left", "right"], kinds) - 1
found = SemiSupervisedGANClassifier(max_epochs=5, random_state=0, device="cpu").fit(rows, labels)
found.save("estimator")
new = np.loadtxt("new.csv", delimiter=",", skiprows=1, usecols=(1, 2, 3))
np.savez("expected/estimator.npz", rows=new, proba=found.predict_proba(new), labels=found.predict(new))
PYTHON

# A study with answers of simulated people; the last two have left in the middle.
"$python" - <<'PYTHON'
import numpy as np

for seed, name in enumerate(("real", "made")):
    levels = np.random.default_rng(seed).integers(0, 256, (6, 1, 8, 8), dtype=np.uint8)
    np.savez(f"{name}.npz", images=levels)
PYTHON
token=$(convergan turing create study --real real.npz --fake made.npz --trials 4 --attention 1 \
    --annotators 20 --scale 1 --minutes 1e9 --images 6 | sed -n "s/^owner's token: //p")
convergan turing simulate study --annotators 6 --kind observer:d=2 --workers 1
convergan turing simulate study --annotators 2 --habit quitter --workers 1 --seed 1
convergan turing results study --out page.html --csv expected/study.csv |
    grep -v "^page: \|^figures: " > expected/study.txt
convergan turing status study > expected/study-status.txt
rm real.npz made.npz page.html study/server.log
OWNER=$token "$python" - <<'PYTHON'
import json
import os
import sqlite3

database = sqlite3.connect("study/study.sqlite3", isolation_level=None)
database.execute("VACUUM")
database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
left = [row for (row,) in database.execute("SELECT id FROM sessions WHERE state = 'open' ORDER BY id")]
database.close()
record = {"owner": os.environ["OWNER"], "left": left}
with open("expected/study.json", "w") as file:
    json.dump(record, file, indent=1)
PYTHON
find $folders -name .lock -delete
tar --create --sort=name --owner=0 --group=0 --numeric-owner $folders |
    xz --lzma2=preset=9e,lc=0,lp=3,pb=3 > folders.tar.xz
rm -r $folders
find . -name __pycache__ -exec rm -r {} +

# Other processors and other versions of torch round in other ways.
"$python" - <<'PYTHON'
import json
from pathlib import Path

import torch

words = ("vendor_id", "cpu family", "model", "stepping")
lines = dict.fromkeys(Path("/proc/cpuinfo").read_text().splitlines())
found = {name.strip(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
made_on = {"torch": torch.__version__, "processor": " ".join(found[word] for word in words)}
Path("expected/made_on.json").write_text(json.dumps(made_on, indent=1) + "\n")
PYTHON
