"""What clips should do, slowly and in float64: one track at a time, glTF 2.0 appendix C by the letter, mixing as the manual says."""

from __future__ import annotations

import math

import numpy as np


def turn(a, b, share):
    """Slerp by the angle between two unit quaternions, the shorter way."""
    if a @ b < 0:
        b = -b
    angle = 2 * math.atan2(np.linalg.norm(a - b), np.linalg.norm(a + b))
    if angle < 1e-9:
        return a
    return (math.sin((1 - share) * angle) * a + math.sin(share * angle) * b) / math.sin(angle)


def unit(q):
    return q / np.linalg.norm(q)


def times_quaternion(a, b):
    x, y, z, w = a
    return np.array([w * b[0] + x * b[3] + y * b[2] - z * b[1], w * b[1] - x * b[2] + y * b[3] + z * b[0],
                     w * b[2] + x * b[1] - y * b[0] + z * b[3], w * b[3] - x * b[0] - y * b[1] - z * b[2]])


def sample(times, values, interpolation, time, rotation, row=0):
    """Value of one row of a track, (w,) float64; `values` as Track keeps them."""
    times, values = np.asarray(times, np.float64), np.asarray(values, np.float64)
    row = row if values.shape[-2] > 1 else 0
    cubic = interpolation == "cubic"
    keys = values[:, 1, row] if cubic else values[:, row]
    if time <= times[0] or time >= times[-1]:
        value = keys[0 if time <= times[0] else -1]
        return unit(value) if rotation else value
    k = int(np.searchsorted(times, time, side="right")) - 1
    span = times[k + 1] - times[k]
    t = (time - times[k]) / span
    if interpolation == "step":
        return unit(keys[k]) if rotation else keys[k]
    if not cubic:
        return turn(unit(keys[k]), unit(keys[k + 1]), t) if rotation else (1 - t) * keys[k] + t * keys[k + 1]
    out, into = span * values[k, 2, row], span * values[k + 1, 0, row]
    value = (2 * t**3 - 3 * t**2 + 1) * keys[k] + (t**3 - 2 * t**2 + t) * out + (-2 * t**3 + 3 * t**2) * keys[k + 1] + (t**3 - t**2) * into
    return unit(value) if rotation else value


def clip_time(seconds, start, speed, duration, loop):
    """Second of the clip; what `Action` promises where speed and pauses were not changed on the way."""
    if duration == 0:
        return 0.0
    t = (duration if speed < 0 else 0.0) + (seconds - start) * speed
    if loop == "once":
        return min(max(t, 0.0), duration)
    if loop == "repeat":
        rest = math.fmod(t, duration)
        return rest + duration if rest < 0 or (rest == 0 and speed < 0) else rest
    t = math.fmod(math.fmod(t, 2 * duration) + 2 * duration, 2 * duration)
    return 2 * duration - t if t > duration else t


def mix(rest, layers, additive, rotation):
    """Mean of (value, weight) by weight; the rest value has what they leave of 1; then what additive (value, first, weight) change."""
    total = sum(weight for _, weight in layers)
    result = np.array(rest, np.float64)
    if total > 0:
        result = np.zeros(len(rest))
        for value, weight in [*layers, (np.asarray(rest), max(1 - total, 0))]:
            result = result + (-weight if rotation and result @ value < 0 else weight) * value
        result = unit(result) if rotation else result / max(total, 1)
    for value, first, weight in additive:
        if rotation:
            change = times_quaternion(first * (-1, -1, -1, 1), value)
            result = unit(times_quaternion(result, turn(np.array((0.0, 0, 0, 1)), unit(change), weight)))
        else:
            result = result + weight * (value - first)
    return result
