/* The curves of a scene, where they jump, and what is read off them: as curves.py and reading.py do it.
Comes in: the object of a loss (see emit/prelude.js), scenes as the page writes them. Goes out: arrays of numbers. */
var lossmithMeasure = (() => {
  "use strict";

  const POINTS = 400, JOINT_POINTS = 160, HALVINGS = 52, PARTED = 0.4642, AROUND = 4, STANDS_OUT = 4, REMAINS = 0.25, LEAST = 1e-7;
  const WALK = 10, NOT_LEAST = 1e-3, BELOW = 1e-9, GOLDEN = (Math.sqrt(5) - 1) / 2, SHRINKS = 36;
  const SAME = 1e-8, UNEVEN = 0.618, GROWN = 1e3, CLOSE = 1e-6, EDGE = 60, MINIMA = 3, TIE = 1e-12, NEAR_ZERO = 1e-6;
  const SHARES = Array.from({ length: 9 }, (_, k) => (k + 0.382) / 9), ROUNDS = 20, FEW = 9, GROWTH = 1.5, LAST = 4, ENDLESS = 8, TOPS = 4;
  const LEVEL = 1e-9, STRETCH = 3, CLOSER = 24, ROUNDING = 1e-8;
  const NO_BOUND = { loss: "pole", gradient: "infinite slope", curvature: "infinite curvature" };
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
  const ends = (x) => [x[0], x[x.length - 1]];
  const width = ({ x }) => x[x.length - 1] - x[0];

  function spanOf(y) {
    const seen = finite(y);
    return seen.length ? largest(seen) + largest(seen.map((v) => -v)) : 0;
  }

  function suspects(y) {
    const change = Array.from({ length: y.length - 1 }, (_, i) => Math.abs(y[i + 1] - y[i])).map((c) => (Number.isFinite(c) ? c : 0));
    const span = spanOf(y), at = (i) => change[Math.min(Math.max(i, 0), change.length - 1)];
    return change.flatMap((c, i) => {
      const around = Array.from({ length: 2 * AROUND + 1 }, (_, k) => at(i + k - AROUND));
      return c > STANDS_OUT * median(around) + LEAST * span ? [i] : [];
    });
  }

  function shortOf(a, b) {
    const middle = a + (b - a) / 2;
    let near = Number(middle.toPrecision(9));
    if (Math.abs(near) < 1e-9 && Math.abs(b - a) > 1e-12 * Math.abs(middle)) near = 0;
    return Math.abs(near - middle) <= 4 * (b - a) + 1e-9 * Math.max(1e-3, Math.abs(middle)) ? near : middle;
  }

  /** The zero between two places of different sign. */
  function halved(surface, a, b) {
    const side = Math.sign(surface(a));
    for (let k = 0; k < 60; k++) {
      const middle = a + (b - a) / 2;
      if (!(a < middle && middle < b)) break;
      if (Math.sign(surface(middle)) === side) a = middle;
      else b = middle;
    }
    const middle = a + (b - a) / 2, near = shortOf(a, b), size = (v) => Math.abs(surface(v));
    if (size(near) <= Math.max(size(a), size(b))) return near;
    return [a, middle, b].reduce((one, v) => (size(v) < size(one) ? v : one));
  }

  /** The zeros of a surface between these places; also where it dips to 0 between two of them: as `zeros` in bends.py. */
  function zeros(surface, x, s) {
    const found = [], size = s.map(Math.abs), sign = s.map(Math.sign);
    for (let i = 0; i < x.length; i++) {
      if (s[i] === 0 && !(s[i - 1] === 0 && s[i + 1] === 0)) found.push(x[i]); // of a stretch the ends
      if (sign[i] * sign[i + 1] < 0) found.push(halved(surface, x[i], x[i + 1]));
      const inner = size[i] <= size[i - 1] && size[i] <= size[i + 1] && (size[i] < size[i - 1] || size[i] < size[i + 1]);
      if (!inner || sign[i] === 0 || sign[i - 1] !== sign[i] || sign[i + 1] !== sign[i]) continue;
      const at = section((v) => sign[i] * surface(v), x[i - 1], x[i + 1]);
      if (surface(at) * s[i] < 0) found.push(halved(surface, x[i - 1], at), halved(surface, at, x[i + 1]));
    }
    return found;
  }

  /** Where a formula branches along a scene: zeros of its surfaces. */
  function places(surfaces, scene, x, parameters) {
    const found = surfaces.flatMap((surface) => {
      const at = (v) => surface.perExample(...laidOut(scene, v, parameters));
      return zeros((v) => at(Float64Array.of(v))[0], x, Array.from(at(x)));
    });
    return [...new Set(found)].sort((a, b) => a - b);
  }

  /** An interval around each seed that holds no other. */
  function around(x, seeds) {
    const step = (x[1] - x[0]) / 4, [first, last] = ends(x);
    return seeds.flatMap((at, j) => {
      const beside = [seeds[j - 1], seeds[j + 1]].filter((v) => v !== undefined).map((v) => Math.abs(at - v) / 3);
      const reach = Math.min(step, ...beside);
      return first < at - reach && at + reach < last ? [[at - UNEVEN * reach, at + reach]] : [];
    });
  }

  function closedIn(measure, what, a, b, least) {
    const at = (kind, v) => measure(Float64Array.of(v))[kind][0], size = Math.max(Math.abs(at("loss", a)), Math.abs(at("loss", b)));
    let [left, right] = [at(what, a), at(what, b)];
    const whole = Math.abs(right - left), wide = b - a;
    for (let k = 0; k < HALVINGS; k++) {
      const middle = a + (b - a) * PARTED;
      if (!(a < middle && middle < b)) break;
      const between = at(what, middle);
      if (Number.isNaN(between)) break;
      if (!(Math.abs(between - left) < Math.abs(right - between))) [b, right] = [middle, between];
      else [a, left] = [middle, between];
    }
    const rest = Math.abs(right - left);
    if (!(rest > Math.max(REMAINS * whole, least)) || b - a > CLOSE * wide) return null;
    const place = shortOf(a, b);
    if (rest <= GROWN * whole) return { at: place, what, endless: false };
    const nearby = largest([at("loss", a), at("loss", b)].map(Math.abs).map((v) => (Number.isNaN(v) ? 0 : Math.min(v, Number.MAX_VALUE))));
    return { at: place, what: nearby > GROWN * size ? "loss" : what, endless: true };
  }

  /** Where the loss, its gradient or its curvature changes by an amount that does not shrink as one looks closer. */
  function jumps(measure, found, joint, seeds = []) {
    const seen = [], near = SAME * width(found), { x } = found;
    for (const what of joint ? KINDS.slice(0, 2) : KINDS) { // a bend is not told from a corner by differences
      for (const [a, b] of [...around(x, seeds), ...suspects(found[what]).map((i) => [x[i], x[i + 1]])]) {
        const jump = closedIn(measure, what, a, b, LEAST * spanOf(found[what]));
        if (jump && seen.every((other) => Math.abs(other.at - jump.at) > near)) seen.push(jump);
      }
    }
    return seen.sort((a, b) => a.at - b.at);
  }

  /** The curves with a point between each jump and the next, which may lie nearer than the points of the grid. */
  function between(measure, found, seen) {
    const middles = seen.slice(1).map(({ at }, i) => seen[i].at + (at - seen[i].at) / 2);
    return middles.length ? measure(Float64Array.from(new Set([...found.x, ...middles])).sort()) : found;
  }

  // The largest of a curve --------------------------------------------------------------------------------------------

  /** Closer and closer around a point of the grid: as `_climbed` in extremes.py. */
  function climbed(measure, found, what, i) {
    const { x } = found, sizes = [Math.abs(found[what][i])];
    let a = x[Math.max(i - 1, 0)], b = x[Math.min(i + 1, x.length - 1)], [size] = sizes, at = x[i];
    while (sizes.length <= ROUNDS && b - a > 64 * Number.EPSILON * Math.max(Math.abs(a), Math.abs(b))) {
      const looked = SHARES.map((share) => a + (b - a) * share);
      const seen = Array.from(measure(Float64Array.from(looked))[what], Math.abs), k = Math.max(largestAt(seen), 0);
      if (Number.isFinite(seen[k]) && seen[k] > size) [size, at] = [seen[k], looked[k]];
      sizes.push(size);
      [a, b] = [k ? looked[k - 1] : a, k + 1 < looked.length ? looked[k + 1] : b];
      if (sizes.length > FEW && size < GROWTH * sizes[0]) break;
    }
    const before = sizes[sizes.length - 1 - LAST];
    return { size, at, endless: sizes.length > FEW && before > 0 && size >= ENDLESS * before };
  }

  /** The largest absolute value of a curve, or the place near which it has no bound; null where nothing is finite. */
  function peak(measure, found, what) {
    const size = Array.from(found[what], (v) => (Number.isFinite(v) ? Math.abs(v) : -1)), at = (i) => size[i] ?? -1;
    const tops = size.flatMap((v, i) => (v >= 0 && v > at(i - 1) && v >= at(i + 1) ? [i] : []));
    const peaks = tops.sort((i, j) => size[j] - size[i]).slice(0, TOPS).map((i) => climbed(measure, found, what, i));
    return peaks.find(({ endless }) => endless) || peaks.reduce((a, b) => (a && a.size >= b.size ? a : b), null);
  }

  // Reading ---------------------------------------------------------------------------------------------------------

  function largestAt(values) {
    let best = -1;
    values.forEach((v, i) => { if (Number.isFinite(v) && (best < 0 || v > values[best])) best = i; });
    return best;
  }

  /** The last place with a finite loss, closed in: as `_at_the_edge` in curves.py. */
  function atTheEdge(loss, inside, outside) {
    const seen = [loss(inside)], near = NEAR_ZERO * Math.abs(outside - inside);
    for (let k = 0; k < EDGE; k++) {
      const middle = inside + (outside - inside) * UNEVEN, value = loss(middle);
      if (Number.isFinite(value)) { inside = middle; seen.push(value); } else outside = middle;
    }
    const third = Math.floor(seen.length / 3), n = seen.length, first = seen[0] - seen[third], last = seen[n - 1 - third] - seen[n - 1];
    if (third > 1 && first > 0 && last > 0.5 * first) return [inside, -Infinity];
    const at = Math.abs(inside) < near ? 0 : Number(inside.toPrecision(6)), lowest = -largest(seen.map((v) => -v));
    return loss(at) <= lowest ? [at, loss(at)] : [inside, lowest];
  }

  /** Where a line is least and how much, corners tried too; minus infinity where it falls without bound. */
  function least(measure, found, corners = []) {
    const loss = Array.from(found.loss, (v) => (Number.isFinite(v) ? v : Infinity)), at = (i) => loss[i] ?? Infinity;
    const lowest = loss.flatMap((v, i) => (v < Infinity && v < at(i - 1) && v <= at(i + 1) ? [i] : []));
    const tried = lowest.sort((i, j) => loss[i] - loss[j]).slice(0, MINIMA).map((i) => leastAround(measure, found, i));
    if (tried.length && corners.length) {
      const there = measure(Float64Array.from(corners)).loss;
      corners.forEach((at, k) => { if (Number.isFinite(there[k])) tried.push([at, butRounding(found, at, there[k])]); });
    }
    const bound = tried.reduce((a, [, v]) => (v < a ? v : a), Infinity);
    const alike = tried.filter(([, v]) => v === bound || v <= bound + TIE * Math.abs(bound));
    return alike.sort(([a], [b]) => Math.abs(a) - Math.abs(b) || a - b)[0] ?? [NaN, NaN];
  }

  /** The loss at a corner; 0 where it is no more than the slope beside it makes of the rounding of its place. */
  function butRounding({ x, gradient }, at, value) {
    const i = x.findIndex((v) => v >= at), slope = Math.max(...[i - 1, i].map((k) => Math.abs(gradient[k] ?? 0)));
    const noise = 2 ** -50 * Math.abs(at) * slope;
    return Math.abs(value) <= noise && noise < Infinity ? 0 : value;
  }

  function leastAround(measure, { x, loss }, i) {
    const at = (v) => measure(Float64Array.of(v)).loss[0];
    if (i === 0 || i === x.length - 1) return [x[i], loss[i]];
    for (const k of [i - 1, i + 1]) if (!Number.isFinite(loss[k])) return atTheEdge(at, x[i], x[k]);
    const place = section(at, x[i - 1], x[i + 1]), lower = at(place);
    const rounded = Math.abs(place) < NEAR_ZERO * width({ x }) ? 0 : Number(place.toPrecision(6));
    const falls = !Number.isFinite(lower) || loss[i] - lower > GROWN * (Math.max(loss[i - 1], loss[i + 1]) - loss[i]);
    if (falls) return [rounded, -Infinity];
    return at(rounded) <= lower + TIE * Math.abs(lower) ? [rounded, at(rounded)] : [place, lower];
  }

  const toZero = (at, found) => (Math.abs(at) < ROUNDING * width(found) ? 0 : at);

  /** Where something holds, as text, with borders closed in; `holds` is asked of curves, `told` writes a place. */
  function where(measure, found, holds, told) {
    const { x } = found, inside = holds(found);
    if (!inside.some(Boolean)) return "nowhere here";
    if (inside.every(Boolean)) return "everywhere here";
    const parts = [];
    const border = (k) => {
      let [a, b] = [x[k - 1], x[k]];
      for (let n = 0; n < CLOSER; n++) {
        const middle = a + (b - a) / 2;
        if (holds(measure(Float64Array.of(middle)))[0] === inside[k]) b = middle;
        else a = middle;
      }
      return told(toZero(a + (b - a) / 2, found));
    };
    for (let i = 0; i < x.length; i++) {
      if (!inside[i] || (i && inside[i - 1])) continue;
      let end = i;
      while (end < x.length && inside[end]) end++;
      const low = i ? border(i) : "", high = end < x.length ? border(end) : "";
      parts.push(low && high ? `${low} to ${high}` : low ? `from ${low} on` : `up to ${high}`);
    }
    return parts.join(", ");
  }

  /** Where the gradient is too weak: walking ten widths of the axis at it would not bring the loss down to its least in view. */
  function tooWeak(found) {
    const lost = largest(found.loss.map((v) => -v)), span = largest(found.loss) + lost, far = WALK * width(found);
    return ({ loss, gradient }) =>
      Array.from(gradient, (g, i) => far * Math.abs(g) < loss[i] + lost && loss[i] + lost > NOT_LEAST * span && Number.isFinite(loss[i]));
  }

  const deadOf = (found) => tooWeak(found)(found);

  /** A value and where it is: a point, or the stretch on which it stays the same. */
  function levelOrPoint(measure, found, what, value, at, room, told) {
    if (!Number.isFinite(value)) return value === -Infinity ? `falls without bound near ${told(toZero(at, found))}` : "no finite number";
    const holds = (c) => Array.from(c[what], (v) => Math.abs((what === "gradient" ? Math.abs(v) : v) - value) <= room);
    if (holds(found).filter(Boolean).length < STRETCH) return `${short(value)} at ${told(toZero(at, found))}`;
    const said = where(measure, found, holds, told);
    return `${short(value)} ${/^[0-9−]/.test(said) ? "from " : ""}${said}`;
  }

  /** The cells of one row of the table: as `reading` in reading.py; `told` writes a place of the axis. */
  function reading(measure, found, seen, [lowAt, low], told = short) {
    const { gradient, curvature } = found, most = largest(curvature.map(Math.abs)), top = peak(measure, found, "gradient");
    const steepest = !top || !finite(gradient).length ? "no finite number"
      : top.endless ? `without bound near ${told(toZero(top.at, found))}` : levelOrPoint(measure, found, "gradient", top.size, top.at, LEVEL * top.size, told);
    return [
      levelOrPoint(measure, found, "loss", low, lowAt, 4 * Number.EPSILON * Math.abs(low), told),
      steepest,
      where(measure, found, tooWeak(found), told),
      finite(curvature).length ? where(measure, found, (c) => Array.from(c.curvature, (v) => v < -BELOW * most), told) : "not known",
      seen.map(({ what, at, endless }) => `${endless ? NO_BOUND[what] : what} at ${told(at)}`).join(", ") || "none",
    ];
  }

  // Where a value is least in an interval -----------------------------------------------------------------------------

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

  return { grid, curves, places, jumps, between, peak, least, reading, deadOf, section, named, finite, largest, NO_BOUND };
})();
