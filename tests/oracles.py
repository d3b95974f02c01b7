"""The paper's formulas as slow loops over float64 numbers: what the package is compared with.

Nothing here calls the package, torch's layers or torch's losses, and nothing is rearranged to be
fast or stable: ``log D`` is the logarithm of ``D``. `draw` supplies the numbers to compare on.
"""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.float64]


def draw(*shape: int, seed: int = 0) -> Tensor:
    """Standard normal float64 numbers, the same for the same seed."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def chance(seed: int = 0) -> torch.Generator:
    """A generator of random numbers, the same for the same seed."""
    return torch.Generator().manual_seed(seed)


def mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers)


# Section 2: two players.


def sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


def minimax_discriminator_loss(real_logits: Array, fake_logits: Array) -> float:
    """-E log D(x) - E log(1 - D(G(z)))."""
    real = mean([math.log(sigmoid(u)) for u in real_logits.flat])
    fake = mean([math.log(1 - sigmoid(u)) for u in fake_logits.flat])
    return -real - fake


def saturating_generator_loss(fake_logits: Array) -> float:
    """E log(1 - D(G(z)))."""
    return mean([math.log(1 - sigmoid(u)) for u in fake_logits.flat])


def non_saturating_generator_loss(fake_logits: Array) -> float:
    """-E log D(G(z))."""
    return -mean([math.log(sigmoid(u)) for u in fake_logits.flat])


# Section 3.1: feature matching.


def mean_differences(fake_features: Array, real_features: Array) -> list[float]:
    """E f_a(G(z)) - E f_a(x) for every feature a."""
    return [
        mean([float(row[a]) for row in fake_features])
        - mean([float(row[a]) for row in real_features])
        for a in range(fake_features.shape[1])
    ]


def squared_feature_matching(fake_features: Array, real_features: Array) -> float:
    return mean([d * d for d in mean_differences(fake_features, real_features)])


def absolute_feature_matching(fake_features: Array, real_features: Array) -> float:
    return mean([abs(d) for d in mean_differences(fake_features, real_features)])


# Section 3.3: historical averaging, from a list of all parameters that there ever were.


def uniform_mean(history: Sequence[Array]) -> Array:
    """(1/t) sum_i theta[i]."""
    total = np.zeros_like(history[0])
    for theta in history:
        total = total + theta
    return total / len(history)


def exponential_mean(history: Sequence[Array], decay: float) -> Array:
    """rho^(t-1) theta[1] + (1 - rho) sum_{i=2..t} rho^(t-i) theta[i]."""
    last = len(history)
    total = decay ** (last - 1) * history[0]
    for i in range(2, last + 1):
        total = total + (1 - decay) * decay ** (last - i) * history[i - 1]
    return total


def historical_averaging_penalty(history: Sequence[Array]) -> float:
    """|| theta[t] - (1/t) sum_i theta[i] ||^2."""
    difference = history[-1] - uniform_mean(history)
    return sum(float(d) ** 2 for d in difference.flat)


# Section 3.4: one-sided label smoothing.


def divergence(target: float, probability: float) -> float:
    """KL(target || probability) of two coins."""
    outcomes = [(target, probability), (1 - target, 1 - probability)]
    return sum(p * math.log(p / q) for p, q in outcomes if p > 0)


def smoothed_discriminator_loss(
    real_logits: Array, fake_logits: Array, real_target: float
) -> float:
    real = mean([divergence(real_target, sigmoid(u)) for u in real_logits.flat])
    return real + mean([divergence(0.0, sigmoid(u)) for u in fake_logits.flat])


def smoothed_generator_loss(fake_logits: Array, generator_target: float) -> float:
    return mean([divergence(generator_target, sigmoid(u)) for u in fake_logits.flat])


# Section 5: K + 1 classes, the last one "generated".


def class_probabilities(logits: Sequence[float], fake_logit: float = 0.0) -> list[float]:
    """The softmax over K + 1 logits."""
    exponentials = [math.exp(u) for u in (*logits, fake_logit)]
    return [e / sum(exponentials) for e in exponentials]


def real_probabilities(logits: Array) -> list[float]:
    """D(x) = 1 - p(y = K + 1 | x) for every row."""
    return [1 - class_probabilities(row)[-1] for row in logits]


def supervised_loss(logits: Array, labels: Sequence[int]) -> float:
    """-E log p(y | x, y < K + 1)."""
    losses = []
    for row, label in zip(logits, labels, strict=True):
        *classes, _ = class_probabilities(row)
        losses.append(-math.log(classes[label] / sum(classes)))
    return mean(losses)


def all_classes_loss(logits: Array, labels: Sequence[int]) -> float:
    """-E log p(y | x), over K + 1 classes."""
    rows = zip(logits, labels, strict=True)
    return mean([-math.log(class_probabilities(row)[label]) for row, label in rows])


def unsupervised_loss(unlabeled_logits: Array, fake_logits: Array) -> float:
    """The mean over a batch that is half data, half samples: half of the paper's sum."""
    real = mean([math.log(1 - class_probabilities(row)[-1]) for row in unlabeled_logits])
    fake = mean([math.log(class_probabilities(row)[-1]) for row in fake_logits])
    return -(real + fake) / 2


# Section 6.2: dropout, from uniform numbers on [0, 1).


def dropout(x: Array, probability: float, uniform: Array) -> Array:
    """0 with the probability given, else x / (1 - p)."""
    y = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        if uniform[index] >= probability:
            y[index] = x[index] / (1 - probability)
    return y


# Normalisation.


def weight_norm(directions: Array, gains: Array, channel_dim: int, epsilon: float) -> Array:
    """W_k = g_k V_k / sqrt(||V_k||^2 + epsilon) for every output channel k."""
    weight = np.empty_like(directions)
    for index in np.ndindex(directions.shape):
        k = index[channel_dim]
        squares = [float(v) ** 2 for v in np.take(directions, k, axis=channel_dim).flat]
        weight[index] = gains.flat[k] * directions[index] / math.sqrt(sum(squares) + epsilon)
    return weight


def channels(x: Array) -> Iterator[list[float]]:
    """All values of each channel of (N, C) or (N, C, H, W)."""
    for c in range(x.shape[1]):
        yield [float(value) for row in x for value in row[c].flat]


def deviation(numbers: Sequence[float]) -> float:
    centre = mean(numbers)
    return math.sqrt(mean([(n - centre) ** 2 for n in numbers]))


def data_dependent_start(
    pre_activations: Array, std: float, per_channel: bool
) -> tuple[list[float], list[float]]:
    """g_k = s0 / s_k and b_k = -mu_k s0 / s_k, of what the layer gives under g = 1, b = 0."""
    means = [mean(values) for values in channels(pre_activations)]
    deviations = [deviation(values) for values in channels(pre_activations)]
    if not per_channel:
        centred = [
            [value - centre for value in values]
            for values, centre in zip(channels(pre_activations), means, strict=True)
        ]
        together = deviation(list(itertools.chain(*centred)))
        deviations = [together] * len(means)
    gains = [std / s for s in deviations]
    return gains, [-centre * g for centre, g in zip(means, gains, strict=True)]


def batch_statistics_norm(x: Array, bias: Array, epsilon: float) -> Array:
    """(x - m) / sqrt(v + epsilon) + b with the mean and variance of the channel."""
    y = np.empty_like(x)
    for c, values in enumerate(channels(x)):
        scale = math.sqrt(deviation(values) ** 2 + epsilon)
        for index in np.ndindex(x.shape):
            if index[1] == c:
                y[index] = (x[index] - mean(values)) / scale + bias[c]
    return y


def moments(rows: Array, c: int) -> tuple[float, float]:
    """Means of x and x^2 in channel c, over rows and places."""
    values = [float(value) for row in rows for value in row[c].flat]
    return mean(values), mean([value * value for value in values])


def virtual_batch_norm(
    x: Array, gamma: Array, beta: Array, num_reference: int, mode: str, epsilon: float
) -> Array:
    """Of mean and mean square mixed with weight 1 / (n + 1); reference rows without a mixture."""
    y = np.empty_like(x)
    for i, c in np.ndindex(*x.shape[:2]):
        m, q = moments(x[:num_reference], c)
        if i >= num_reference:
            own, live = moments(x[i : i + 1], c), moments(x[num_reference:], c)
            mixed_mean = live[0] if mode == "paper2016" else own[0]
            mixed_square = own[1] if mode == "per_example" else live[1]
            w = 1 / (num_reference + 1)
            m, q = w * mixed_mean + (1 - w) * m, w * mixed_square + (1 - w) * q
        y[i, c] = gamma[c] * (x[i, c] - m) / math.sqrt(q - m * m + epsilon) + beta[c]
    return y


def cross_batch_norm(x: Array, gamma: Array, beta: Array, epsilon: float) -> Array:
    """Channels of the first half by the rows of the first half, the others by the others."""
    y = np.empty_like(x)
    rows, count = len(x) // 2, x.shape[1] // 2
    for i, c in np.ndindex(*x.shape[:2]):
        half, place = divmod(c, count)
        m, q = moments(x[half * rows : (half + 1) * rows], c)
        scale = gamma[half, place] / math.sqrt(q - m * m + epsilon)
        y[i, c] = scale * (x[i, c] - m) + beta[half, place]
    return y


# What recipes of ours add: descriptors, virtual adversaries, tangents.


def oriented_gradients(images: Array, orientations: int = 8, cell: int = 4) -> Array:
    """Pixel by pixel: slope, shares of the directions, mean of means over squares, root, length."""
    count, colours, height, width = images.shape
    tall, wide = (height - cell + 1) // cell, (width - cell + 1) // cell
    cells = np.zeros((count, orientations, tall, wide))
    for n, c in np.ndindex(count, colours):
        parts = np.zeros((orientations, height, width))
        for y, x in np.ndindex(height, width):
            across = down = 0.0
            for dy, dx in itertools.product((-1, 0, 1), repeat=2):
                if 0 <= y + dy < height and 0 <= x + dx < width:  # black outside
                    across += dx * (2 - abs(dy)) / 4 * images[n, c, y + dy, x + dx]
                    down += dy * (2 - abs(dx)) / 4 * images[n, c, y + dy, x + dx]
            for b in range(orientations):
                turn = math.atan2(down, across) - 2 * math.pi * b / orientations
                parts[b, y, x] = math.hypot(across, down) * max(0.0, math.cos(turn)) ** 4
        for b, top, left in np.ndindex(orientations, tall, wide):
            squares = []
            for dy, dx in np.ndindex(cell, cell):
                y, x = top * cell + dy, left * cell + dx
                squares.append(mean([float(m) for m in parts[b, y : y + cell, x : x + cell].flat]))
            cells[n, b, top, left] += mean(squares) / colours
    rows = np.sqrt(cells).reshape(count, -1)
    for row in rows:
        length = math.sqrt(sum(float(r) ** 2 for r in row))
        if length:
            row *= math.sqrt(len(row)) / length
    return rows


def softmax_divergence(logits: Array, changed: Array) -> float:
    """KL(softmax(logits) || softmax(changed)) of one row."""
    p, q = (np.exp(row) / np.exp(row).sum() for row in (logits, changed))
    return sum(float(a) * math.log(a / b) for a, b in zip(p, q, strict=True))


def virtual_adversarial_loss(
    classify: Callable[[Array], Array], rows: Array, first: Array, radius: float, probe: float
) -> float:
    """KL(r), r along the slope of KL at ``probe u`` by differences, u along ``first``."""
    losses = []
    for row, direction in zip(rows, first, strict=True):
        at = row + probe * direction / math.sqrt(sum(float(d) ** 2 for d in direction))
        slope = np.zeros_like(row)
        for i in range(len(row)):
            small = np.zeros_like(row)
            small[i] = 1e-5
            above, below = (
                softmax_divergence(classify(row), classify(at + sign * small)) for sign in (1, -1)
            )
            slope[i] = (above - below) / 2e-5
        worst = radius * slope / math.sqrt(sum(float(s) ** 2 for s in slope))
        losses.append(softmax_divergence(classify(row), classify(row + worst)))
    return mean(losses)


def deformed(image: Array, way: int, pixels: float) -> Array:
    """One image (H, W) whose pixel (y, x) is read, between pixels, from beside it; black outside.

    Ways 0 to 5 read across, 6 to 11 down: by 1, x, y, x^2 - 1/3, x y, y^2 - 1/3 of the place from
    -1 to 1; ``pixels`` is the root mean square of the distances.
    """
    height, width = image.shape
    amounts = np.zeros((height, width))
    for row, column in np.ndindex(height, width):
        y, x = (2 * row + 1) / height - 1, (2 * column + 1) / width - 1
        amounts[row, column] = (1, x, y, x * x - 1 / 3, x * y, y * y - 1 / 3)[way % 6]
    amounts *= pixels / math.sqrt(float((amounts**2).mean()))
    result = np.zeros((height, width))
    for y, x in np.ndindex(height, width):
        down, across = (y + amounts[y, x], x) if way >= 6 else (y, x + amounts[y, x])
        top, left = math.floor(down), math.floor(across)
        for row, column in itertools.product((top, top + 1), (left, left + 1)):
            if 0 <= row < height and 0 <= column < width:
                share = (1 - abs(down - row)) * (1 - abs(across - column))
                result[y, x] += share * image[row, column]
    return result


def plane_distance(
    point: Array, tangents: Array, other: Array, others: Array, stiffness: float
) -> float:
    """Least squares for the places on both planes, (T, P) each, where they come nearest."""
    pull = math.sqrt(stiffness) * np.eye(2 * len(tangents))
    system = np.vstack([np.hstack([tangents.T, -others.T]), pull])
    target = np.concatenate([other - point, np.zeros(2 * len(tangents))])
    places = np.linalg.lstsq(system, target, rcond=None)[0]
    return float(((system @ places - target) ** 2).sum())


FILTER = np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 64


def halved(maps: Array) -> Array:
    """Every second place of (N, C, H, W) after the filter, with zeros around."""
    rows, channels, height, width = maps.shape
    around = np.zeros((rows, channels, height + 2, width + 2))
    around[:, :, 1:-1, 1:-1] = maps
    found = np.zeros((rows, channels, height // 2, width // 2))
    for i in range(height // 2):
        for j in range(width // 2):
            window = around[:, :, 2 * i : 2 * i + 4, 2 * j : 2 * j + 4]
            found[:, :, i, j] = (window * FILTER).sum(axis=(2, 3))
    return found


def doubled(maps: Array) -> Array:
    """Zeros between the places of (N, C, H, W), and the filter times 4, with zeros around."""
    rows, channels, height, width = maps.shape
    around = np.zeros((rows, channels, 2 * height + 3, 2 * width + 3))
    around[:, :, 2:-1:2, 2:-1:2] = maps
    found = np.zeros((rows, channels, 2 * height, 2 * width))
    for i in range(2 * height):
        for j in range(2 * width):
            window = around[:, :, i : i + 4, j : j + 4]
            found[:, :, i, j] = (window * 4 * FILTER).sum(axis=(2, 3))
    return found


def mode_coverage(samples: Array, centres: Array, std: float) -> tuple[int, float, float]:
    """Modes with a sample within three deviations, fraction of such samples, KL from even."""
    counts, good = [0] * len(centres), []
    for sample in samples:
        lengths = [math.dist(sample, centre) for centre in centres]
        mode = lengths.index(min(lengths))
        counts[mode] += 1
        if lengths[mode] <= 3 * std:
            good.append(mode)
    parts = [c / len(samples) for c in counts if c]
    kl = sum(p * math.log(p * len(centres)) for p in parts)
    return len(set(good)), len(good) / len(samples), kl


# Section 4: the inception score.


def inception_score(probabilities: Array, splits: int) -> tuple[float, float]:
    """Mean and deviation over rows [i N // S, (i + 1) N // S) of exp(mean_x KL(p(y|x) || p(y)))."""
    count, classes = probabilities.shape
    scores = []
    for i in range(splits):
        rows = probabilities[i * count // splits : (i + 1) * count // splits]
        marginal = [mean([float(row[k]) for row in rows]) for k in range(classes)]
        divergences = [
            sum(float(p) * math.log(p / q) for p, q in zip(row, marginal, strict=True) if p > 0)
            for row in rows
        ]
        scores.append(math.exp(mean(divergences)))
    return mean(scores), deviation(scores)


# Successors: what a step of today adds.


def top_k_count(elapsed: int, n: int, gamma: str, nu: str) -> int:
    """max(floor(gamma^e n), floor(nu n)) of decimal fractions, without rounding."""
    return max(math.floor(Fraction(gamma) ** elapsed * n), math.floor(Fraction(nu) * n))


def top_k_loss(losses: Array, realness: Array, k: int) -> float:
    """(1/k) sum of l_i over S, filled one by one with the first of the most real rows left."""
    left, taken = list(range(len(losses))), []
    for _ in range(k):
        best = left[0]
        for i in left:
            if realness[i] > realness[best]:
                best = i
        left.remove(best)
        taken.append(float(losses[best]))
    return mean(taken)


def gradient_penalty(judge: Callable[[Array], float], rows: Array) -> float:
    """mean_i || grad D(x_i) ||^2 by differences, one number of one row at a time."""
    total = 0.0
    for row in rows:
        for index in np.ndindex(row.shape):
            small = np.zeros_like(row)
            small[index] = 1e-5
            total += ((judge(row + small) - judge(row - small)) / 2e-5) ** 2
    return total / len(rows)


def relativistic_discriminator_loss(real_logits: Array, fake_logits: Array) -> float:
    """-mean log sigmoid(D(x_i) - D(G(z_i)))."""
    pairs = zip(real_logits.flat, fake_logits.flat, strict=True)
    return -mean([math.log(sigmoid(real - fake)) for real, fake in pairs])


def relativistic_generator_loss(real_logits: Array, fake_logits: Array) -> float:
    """-mean log sigmoid(D(G(z_i)) - D(x_i))."""
    return relativistic_discriminator_loss(fake_logits, real_logits)


def cosine(a: Sequence[float], b: Sequence[float]) -> float:
    lengths = [math.sqrt(sum(v * v for v in vector)) for vector in (a, b)]
    return sum(v * w for v, w in zip(a, b, strict=True)) / (lengths[0] * lengths[1])


def pull_away_term(features: Array) -> float:
    """(1 / (n (n - 1))) sum_{i != j} cos(f_i, f_j)^2."""
    n, total = len(features), 0.0
    for i, j in np.ndindex(n, n):
        if i != j:
            total += cosine(features[i].tolist(), features[j].tolist()) ** 2
    return total / (n * (n - 1))


def consistency_term(first_logits: Array, second_logits: Array, margin: float) -> float:
    """mean_i max(0, (1/K) || p_i - p'_i ||^2 - margin)."""
    losses = []
    for first, second in zip(first_logits, second_logits, strict=True):
        p, q = (np.exp(row) / np.exp(row).sum() for row in (first, second))
        squares = [(float(a) - float(b)) ** 2 for a, b in zip(p, q, strict=True)]
        losses.append(max(0.0, mean(squares) - margin))
    return mean(losses)


def guidance_loss(decoded: Array, target: Array) -> float:
    """1 - the mean over images and pixels of the cosine over channels."""
    count, _, height, width = decoded.shape
    cosines = [
        cosine(decoded[n, :, y, x].tolist(), target[n, :, y, x].tolist())
        for n, y, x in np.ndindex(count, height, width)
    ]
    return 1 - mean(cosines)


def guidance_decoder(maps: Sequence[Array], stages: Sequence[tuple[Array, Array]]) -> Array:
    """Stage by stage: weight (C, inputs) and bias (C,) at every pixel, four times over."""
    joined = maps[0]
    for step, (weight, bias) in enumerate(stages):
        count, _, height, width = joined.shape
        decoded = np.zeros((count, len(weight), 2 * height, 2 * width))
        for n, c, y, x in np.ndindex(decoded.shape):
            pixel = joined[n, :, y // 2, x // 2]
            decoded[n, c, y, x] = bias[c] + sum(
                w * v for w, v in zip(weight[c], pixel, strict=True)
            )
        beside = maps[step + 1 : step + 2]
        joined = np.concatenate([decoded, *beside], axis=1)
    return joined


def pack(rows: Array, m: int) -> Array:
    """Number by number: channel j C + c of pack i is channel c of row i m + j."""
    n, channels, *rest = rows.shape
    packs = np.zeros((n // m, m * channels, *rest))
    for i, j, c in np.ndindex(n // m, m, channels):
        packs[i, j * channels + c] = rows[i * m + j, c]
    return packs


def total_variation(p: dict[tuple[float, ...], float], q: dict[tuple[float, ...], float]) -> float:
    """Half the sum over all outcomes of | p - q |."""
    return sum(abs(p.get(x, 0.0) - q.get(x, 0.0)) for x in p.keys() | q.keys()) / 2


# Section 3.2: minibatch discrimination; minibatch standard deviation, which came of it.


def kernel(one: Array, other: Array) -> float:
    """exp(-||a - b||_1)."""
    return math.exp(-sum(abs(float(a) - float(b)) for a, b in zip(one, other, strict=True)))


def minibatch_similarities(projected: Array) -> Array:
    """o(i)_b: the sum over j other than i of exp(-||M_ib - M_jb||_1)."""
    rows, kernels, _ = projected.shape
    sums = np.zeros((rows, kernels))
    for i, j, b in np.ndindex(rows, rows, kernels):
        if j != i:
            sums[i, b] += kernel(projected[i, b], projected[j, b])
    return sums


def cross_similarities(projected: Array, divisors: tuple[float, float]) -> Array:
    """Sums over the real half, then over the fake half, divided for own half and other half."""
    rows, kernels, _ = projected.shape
    sums = np.zeros((rows, 2 * kernels))
    for i, j, b in np.ndindex(rows, rows, kernels):
        own = (i < rows // 2) == (j < rows // 2)
        if j != i:
            column = b if j < rows // 2 else kernels + b
            sums[i, column] += kernel(projected[i, b], projected[j, b]) / divisors[not own]
    return sums


def minibatch_projection(features: Array, directions: Array, log_gains: Array) -> Array:
    """M_ibc = sum_a f_ia exp(sigma_bc) theta_abc / ||theta_.bc||."""
    inputs, kernels, dim = directions.shape
    projected = np.zeros((len(features), kernels, dim))
    for i, b, c in np.ndindex(projected.shape):
        norm = math.sqrt(sum(float(t) ** 2 for t in directions[:, b, c]))
        for a in range(inputs):
            weight = math.exp(log_gains[b, c]) * directions[a, b, c] / norm
            projected[i, b, c] += features[i, a] * weight
    return projected


def minibatch_start(projected: Array) -> tuple[list[float], list[float]]:
    """log h_b with h_b = 0.5 mean_i min_j distance, and the biases after M_b is divided by h_b."""
    rows, kernels, _ = projected.shape
    halves = []
    for b in range(kernels):
        nearest = [
            min(-math.log(kernel(projected[i, b], projected[j, b])) for j in range(rows) if j != i)
            for i in range(rows)
        ]
        halves.append(0.5 * mean(nearest))
    sums = minibatch_similarities(projected / np.array(halves)[:, None])
    biases = [-mean([float(o) for o in sums[:, b]]) for b in range(kernels)]
    return [math.log(h) for h in halves], biases


def minibatch_stddev(x: Array, group_size: int, features: int) -> Array:
    """Map f of sample i: mean over block f of channels, and places, of sqrt(v + 1e-8) of its group.

    Groups are every (N / G)th sample.
    """
    count, channels = x.shape[:2]
    groups, block = count // group_size, channels // features
    maps = np.zeros((count, features, *x.shape[2:]))
    for i, f in np.ndindex(count, features):
        members = [x[j, f * block : (f + 1) * block] for j in range(i % groups, count, groups)]
        values = [
            math.sqrt(deviation([float(m[at]) for m in members]) ** 2 + 1e-8)
            for at in np.ndindex(members[0].shape)
        ]
        maps[i, f] = mean(values)
    return np.concatenate([x, maps], axis=1)
