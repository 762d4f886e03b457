/* The curves of a scene, where they jump, and the best constant: as curves.py, reading.py and best.py do it.
Comes in: the object of a loss (see emit/prelude.js), scenes as the page writes them. Goes out: arrays of numbers. */
var lossmithMeasure = (() => {
  "use strict";

  const POINTS = 400, JOINT_POINTS = 160, HALVINGS = 46, AROUND = 4, STANDS_OUT = 4, REMAINS = 0.25, LEAST = 1e-7;
  const WALK = 10, NOT_LEAST = 1e-3, BELOW = 1e-9, FLAT = 1e-9, GOLDEN = (Math.sqrt(5) - 1) / 2, SHRINKS = 36;
  const KINDS = ["loss", "gradient", "curvature"];
  const { short } = lossmithChart;

  const finite = (values) => Array.from(values).filter(Number.isFinite);
  const largest = (values) => finite(values).reduce((a, b) => Math.max(a, b), -Infinity);

  function grid([low, high], joint) {
    const n = joint ? JOINT_POINTS : POINTS;
    return Float64Array.from({ length: n }, (_, i) => low + ((high - low) * i) / (n - 1));
  }

  const repeated = (values, n) => Array.from({ length: n * values.length }, (_, i) => values[i % values.length]);

  function named(pairs, n) {
    return Object.fromEntries(pairs.map(([name, values]) => [name, repeated(values, n)]));
  }

  /** Targets, raw predictions and options of the scene's rows at these places, one set of rows after the other. */
  function laidOut(scene, x, parameters) {
    const y = named(scene.targets, x.length), size = scene.base.length;
    const z = Float64Array.from({ length: x.length * size }, (_, i) => scene.base[i % size] + scene.slope[i % size] * x[Math.floor(i / size)]);
    const options = { columns: named(scene.columns, x.length), parameters };
    if (scene.classes) options.classes = scene.classes;
    return [scene.targets.length > 1 ? y : y[scene.targets[0][0]], z, options];
  }

  /** Loss, gradient, curvature and prediction at each x. */
  function curves(program, joint, scene, x, parameters) {
    const found = joint ? together(program, scene, x, parameters) : apart(program, scene, x, parameters);
    const known = (values) => values.map((v, i) => (Number.isNaN(found.loss[i]) ? NaN : v));
    return { x, loss: found.loss, gradient: known(found.gradient), curvature: known(found.curvature), predicted: predicted(program, scene, x, parameters) };
  }

  function apart(program, scene, x, parameters) {
    const rows = laidOut(scene, x, parameters), size = scene.base.length;
    const at = (values) => Float64Array.from(x, (_, i) => values[i * size + scene.place]);
    const curvature = program.perExampleHessian ? at(program.perExampleHessian(...rows)) : x.map(() => NaN);
    return { loss: program.perExample(...rows), gradient: at(program.perExampleGradient(...rows)), curvature };
  }

  /** Each x is a batch of its own; the curvature is a difference of gradients. */
  function together(program, scene, x, parameters) {
    const slope = (v) => program.gradient(...laidOut(scene, [v], parameters))[scene.place];
    const bend = (v) => {
      const h = 1e-4 * Math.max(1, Math.abs(v));
      return (slope(v + h) - slope(v - h)) / (2 * h);
    };
    return { loss: x.map((v) => program.value(...laidOut(scene, [v], parameters))), gradient: x.map(slope), curvature: x.map(bend) };
  }

  /** The moving prediction on the target's scale. */
  function predicted(program, scene, x, parameters) {
    const width = scene.width, n = x.length;
    const z = Float64Array.from({ length: n * width }, (_, i) => scene.base[i % width] + scene.slope[i % width] * x[Math.floor(i / width)]);
    const options = { parameters };
    if (scene.classes) options.classes = scene.classes;
    const all = program.predict(z, options);
    return x.map((_, i) => all[i * width + (width > 1 ? scene.place : 0)]);
  }

  // Jumps -----------------------------------------------------------------------------------------------------------

  const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

  function suspects(y) {
    const change = Array.from({ length: y.length - 1 }, (_, i) => Math.abs(y[i + 1] - y[i])).map((c) => (Number.isFinite(c) ? c : 0));
    const seen = finite(y), span = seen.length ? largest(seen) + largest(seen.map((v) => -v)) : 0;
    const at = (i) => change[Math.min(Math.max(i, 0), change.length - 1)];
    return change.flatMap((c, i) => {
      const around = Array.from({ length: 2 * AROUND + 1 }, (_, k) => at(i + k - AROUND));
      return c > STANDS_OUT * median(around) + LEAST * span ? [i] : [];
    });
  }

  function rounded(a, b) {
    const middle = a + (b - a) / 2;
    let near = Number(middle.toPrecision(9));
    if (Math.abs(near) < 1e-9) near = 0;
    return Math.abs(near - middle) <= 4 * (b - a) + 1e-9 * Math.max(1e-3, Math.abs(middle)) ? near : middle;
  }

  function closedIn(at, a, b) {
    let [left, right] = [at(a), at(b)];
    const whole = Math.abs(right - left);
    for (let k = 0; k < HALVINGS; k++) {
      const middle = a + (b - a) / 2;
      if (!(a < middle && middle < b)) break;
      const between = at(middle);
      if (Math.abs(between - left) >= Math.abs(right - between)) [b, right] = [middle, between];
      else [a, left] = [middle, between];
    }
    const rest = Math.abs(right - left);
    return Number.isFinite(rest) && rest > REMAINS * whole ? rounded(a, b) : null;
  }

  /** Where the loss, its gradient or its curvature changes by an amount that does not shrink as one looks closer. */
  function jumps(measure, found, joint) {
    const seen = [], near = 1e-6 * (found.x[found.x.length - 1] - found.x[0]);
    for (const what of joint ? KINDS.slice(0, 2) : KINDS) { // a bend is not told from a corner by differences
      for (const i of suspects(found[what])) {
        const at = closedIn((v) => measure(Float64Array.of(v))[what][0], found.x[i], found.x[i + 1]);
        if (at !== null && seen.every((jump) => Math.abs(jump.at - at) > near)) seen.push({ at, what });
      }
    }
    return seen.sort((a, b) => a.at - b.at);
  }

  // Reading ---------------------------------------------------------------------------------------------------------

  const valueAt = (value, x) => (Number.isFinite(value) ? `${short(value)} at ${short(x)}` : "no finite number");

  function largestAt(values) {
    let best = -1;
    values.forEach((v, i) => { if (Number.isFinite(v) && (best < 0 || v > values[best])) best = i; });
    return best;
  }

  /** Where a line is least and how much. */
  function least(measure, { x, loss }) {
    const i = largestAt(loss.map((v) => -v));
    if (i < 0) return [NaN, NaN];
    if (i === 0 || i === x.length - 1) return [x[i], loss[i]];
    let at = section((v) => measure(Float64Array.of(v)).loss[0], x[i - 1], x[i + 1]);
    at = Math.abs(at) < 1e-6 * (x[x.length - 1] - x[0]) ? 0 : Number(at.toPrecision(6));
    return [at, measure(Float64Array.of(at)).loss[0]];
  }

  function spans(x, holds) {
    if (!holds.some(Boolean)) return "nowhere here";
    if (holds.every(Boolean)) return "everywhere here";
    const found = [], tiny = 1e-12 * (x[x.length - 1] - x[0]);
    const border = (k) => { const at = (x[k - 1] + x[k]) / 2; return short(Math.abs(at) < tiny ? 0 : at); };
    for (let i = 0; i < x.length; i++) {
      if (!holds[i] || (i && holds[i - 1])) continue;
      let end = i;
      while (end < x.length && holds[end]) end++;
      const low = i ? border(i) : "", high = end < x.length ? border(end) : "";
      found.push(low && high ? `${low} to ${high}` : low ? `from ${low} on` : `up to ${high}`);
    }
    return found.join(", ");
  }

  /** Where the gradient is too weak: walking ten widths of the axis at it would not bring the loss down to its least in view. */
  function deadOf({ x, loss, gradient }) {
    const lost = largest(loss.map((v) => -v)), span = largest(loss) + lost, far = WALK * (x[x.length - 1] - x[0]);
    return Array.from(gradient, (g, i) => far * Math.abs(g) < loss[i] + lost && loss[i] + lost > NOT_LEAST * span);
  }

  /** The cells of one row of the table: as `reading` in reading.py. */
  function reading(found, seen, [lowAt, low]) {
    const { x, gradient, curvature } = found, most = largest(curvature.map(Math.abs));
    const values = (f, from) => Array.from(from, f), size = values(Math.abs, gradient), steepest = largestAt(size);
    return [
      valueAt(low, lowAt),
      valueAt(size[steepest], x[steepest]),
      spans(x, deadOf(found)),
      finite(curvature).length ? spans(x, values((v) => v < -BELOW * most, curvature)) : "not known",
      seen.map(({ what, at }) => `${what} at ${short(at)}`).join(", ") || "none",
    ];
  }

  // The best constant -----------------------------------------------------------------------------------------------

  function section(value, a, b) {
    let c = b - GOLDEN * (b - a), d = a + GOLDEN * (b - a), atC = value(c), atD = value(d);
    for (let k = 0; k < SHRINKS; k++) {
      if (atC <= atD) {
        [b, d, atD] = [d, c, atC];
        c = b - GOLDEN * (b - a);
        atC = value(c);
      } else {
        [a, c, atC] = [c, d, atD];
        d = a + GOLDEN * (b - a);
        atD = value(d);
      }
    }
    return a + (b - a) / 2;
  }

  /** Places at which constants are tried: raw predictions, or what lies within the bounds of predictions. */
  function places([low, high]) {
    const n = 97, [from, to] = Number.isFinite(low) ? [low, high] : [-12, 12];
    return Array.from({ length: n }, (_, i) => from + ((to - from) * i) / (n - 1)).filter((v) => v > low && v < high);
  }

  /** The constant raw prediction of least value on the sample, one number a row; null where there is none. */
  function bestConstant(program, best, scene, bounds, parameters) {
    const n = best.targets[0][1].length, y = named(best.targets, 1), options = { columns: named(best.columns, 1), parameters };
    if (scene.classes) options.classes = scene.classes;
    const given = best.targets.length > 1 ? y : y[best.targets[0][0]];
    const value = (c) => program.value(given, new Float64Array(n).fill(c), options);
    const scale = places(bounds), seen = scale.map(value), numbers = finite(seen);
    if (!numbers.length) return null;
    const high = largest(numbers), low = -largest(numbers.map((v) => -v));
    if (high - low <= FLAT * Math.max(Math.abs(high), Math.abs(low))) return null;
    const lowest = seen.map((v) => v <= low + 1e-14 * Math.abs(low)), i = lowest.lastIndexOf(true);
    if (lowest[0] || i === scale.length - 1) return null;
    const at = section(value, scale[lowest.indexOf(true) - 1], scale[i + 1]);
    return value(at) < low || lowest.indexOf(true) < i ? at : scale[i];
  }

  return { grid, curves, jumps, least, reading, deadOf, bestConstant };
})();
