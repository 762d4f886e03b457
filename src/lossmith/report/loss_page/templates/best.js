/* The best constant on a small sample, found as calculus/scan.py finds it: the same places, the same steps, the same words.
Comes in: the object of a loss (see emit/prelude.js), the sample of a page. Goes out: a raw prediction, or why there is none. */
var lossmithBest = (() => {
  "use strict";

  const ALIKE = 2 ** -40, TIE = 2 ** -46, TINY = 2 ** -48, STEEP = 2 ** -40, JUMP = 1e-9, PARTS = 16, ROUNDS = 18, HALVINGS = 64;
  const SMALL = 2 ** -20, MOST = 8, CLOSE = 0.02, FURTHER = [1, 2 ** 20, 2 ** 40];
  const WORDS = {
    alike: () => "every constant costs the same on this sample",
    nothing: () => "the loss has no finite value on this sample",
    endless: ({ goes }) => `the loss falls without end as the raw prediction goes to ${goes}`,
    limit: ({ goes, limit }) => `the loss sinks towards ${lossmithChart.short(limit)} as the raw prediction goes to ${goes}`,
  };

  const lowest = (values) => values.reduce((a, b) => Math.min(a, b), Infinity);
  const highest = (values) => values.reduce((a, b) => Math.max(a, b), -Infinity);
  const finite = (values) => values.filter(Number.isFinite);
  const tied = (low) => low + TIE * Math.abs(low);
  const orInfinite = (value) => (Number.isNaN(value) ? Infinity : value);
  const stepOf = (places) => places[places.length >> 1] - places[(places.length >> 1) - 1];
  const inner = (values) => values.slice(Math.floor(values.length / 4), values.length - Math.floor(values.length / 4));

  function placed(place, side = "") {
    if (Number.isFinite(place)) return lossmithChart.short(place) + side;
    return place > 0 ? "infinity" : "minus infinity";
  }

  const found = (at) => ({ at, why: "" });
  const none = (kind, details = {}) => ({ at: null, why: WORDS[kind](details) });

  /** The last number, on the way from inside to outside, at which something holds that holds inside. */
  function edgeOf(holds, inside, outside) {
    if (holds(outside)) return outside;
    let a = inside, b = outside;
    for (let k = 0; k < HALVINGS; k++) {
      const middle = a + (b - a) / 2;
      if (middle === a || middle === b) break;
      if (holds(middle)) a = middle; else b = middle;
    }
    return a;
  }

  /** The middle of where the slope is 0, from below 0 at a to above 0 at b; slopes far smaller than those beside are 0. */
  function level(slope, from, to) {
    const near = TIE * (to - from);
    let [a, b] = [from, to];
    for (let k = 0; k < MOST; k++) {
      const falls = slope(a), rises = slope(b), zero = STEEP * Math.min(-falls, rises);
      if (!(falls < 0 && rises > 0 && Number.isFinite(falls) && Number.isFinite(rises))) return null;
      const [left, right] = [edgeOf((c) => slope(c) < -zero, a, b), edgeOf((c) => slope(c) > zero, b, a)];
      const still = left === a && right === b;
      [a, b] = [left, right];
      if (still || b - a <= near) break;
    }
    return a + (b - a) / 2;
  }

  /** A scan that ends where numbers end: far out, where the loss has none any more, nothing can be said of it. */
  function trimmed(places, seen) {
    const step = 1.5 * stepOf(places), end = places.length - 1, gone = (v) => !Number.isFinite(v) && v !== -Infinity;
    let first = 0, last = end;
    while (first < last && gone(seen[first])) first++;
    while (first < last && gone(seen[last])) last--;
    if (first > 0 && places[first] - places[first - 1] <= step) first = 0;
    if (last < end && places[last + 1] - places[last] <= step) last = end;
    return [places.slice(first, last + 1), seen.slice(first, last + 1)];
  }

  /** The least over the places and around the best of them; `ends` says that the outermost are bounds. */
  function least(value, slope, allPlaces, ends) {
    const allSeen = allPlaces.map(value), [places, seen] = ends ? [allPlaces, allSeen] : trimmed(allPlaces, allSeen);
    const known = finite(seen), low = lowest(known), last = places.length - 1, step = stepOf(places);
    const within = finite(inner(seen)), usual = within.length ? within : known, most = highest(usual);

    function side(a, b, at) {
      const below = value(at - SMALL * (b - a)), above = value(at + SMALL * (b - a)), floor = lowest(usual);
      if (Number.isFinite(below) !== Number.isFinite(above)) return Number.isFinite(below) ? " from below" : " from above";
      return below < floor === above < floor ? "" : below < floor ? " from below" : " from above";
    }

    function hasFloor(at, width) {
      const here = value(at), beside = Math.min(orInfinite(value(at - SMALL * width)), orInfinite(value(at + SMALL * width)));
      return Number.isFinite(here) && beside - here <= (most - here) / 8;
    }

    function verdict() {
      const k = seen.indexOf(-Infinity);
      if (k >= 0 && !ends && (seen[0] === -Infinity || seen[last] === -Infinity))
        return none("endless", { goes: placed(seen[last] === -Infinity ? Infinity : -Infinity) });
      if (k >= 0) return none("endless", { goes: placed(places[k], side(places[Math.max(k - 1, 0)], places[Math.min(k + 1, last)], places[k])) });
      if (!known.length) return none("nothing");
      const high = highest(known);
      return known.length > 1 && high - low <= ALIKE * Math.max(Math.abs(high), Math.abs(low)) ? none("alike") : null;
    }

    function middle(a, b, at, limit) {
      const left = edgeOf((c) => value(c) <= limit, at, a), right = edgeOf((c) => value(c) <= limit, at, b);
      const between = left + (right - left) / 2;
      return value(between) <= limit ? between : at;
    }

    /** Look closer and closer around the best place; what falls as much each time falls without end. */
    function closedIn(a, b, start) {
      let [left, right, at, best] = [a, b, start, value(start)];
      const lows = [best];
      for (let round = 0; round < ROUNDS; round++) {
        const tried = Array.from({ length: PARTS + 1 }, (_, k) => left + ((right - left) * k) / PARTS);
        const values = tried.map((c) => orInfinite(value(c))), k = values.indexOf(lowest(values));
        if (values[k] < best) [at, best] = [tried[k], values[k]];
        const below = tried.filter((c) => c < at), above = tried.filter((c) => c > at);
        [left, right] = [below.length ? below[below.length - 1] : at, above.length ? above[0] : at];
        lows.push(best);
      }
      const third = ROUNDS / 3, [d1, d2, d3] = [0, third, 2 * third].map((k) => lows[k] - lows[k + third]);
      if (best === -Infinity || (Math.min(d2, d3) > tied(best) - best && d2 > d1 / 2 && d3 > d2 / 8)) {
        const place = Math.abs(at) < 1e-9 * (b - a) ? 0 : Number(at.toPrecision(9));
        return none("endless", { goes: placed(place, side(a, b, at)) });
      }
      return found(middle(a, b, at, tied(best)));
    }

    /** Where the loss comes to its flat part by a slope that ends, or a jump; null if it comes to it bit by bit. */
    function flatFrom(insider, edge, way) {
      const good = (c) => value(c) <= tied(low), start = edgeOf(good, edge, insider);
      const before = edgeOf((c) => !good(c), insider, start), beyond = start + way * step;
      if (value(before) - low > JUMP * (most - low)) return start;
      const xs = inner(places), ys = inner(seen), steep = Math.abs(slope(before));
      const steepest = highest(finite(xs.slice(1).map((x, k) => Math.abs((ys[k + 1] - ys[k]) / (x - xs[k])))));
      if (!(steep >= STEEP * Math.max(steepest, 0) && Math.abs(slope(beyond)) <= STEEP * steep)) return null;
      return edgeOf((c) => Math.abs(slope(c)) <= STEEP * steep, beyond, before);
    }

    /** The best places go on to the outermost: an edge from which on it is flat, a limit, or no end. */
    function outside(i, j, way) {
      const [insider, edge] = way < 0 ? [places[j + 1], places[j]] : [places[i - 1], places[i]];
      const reach = Math.max(Math.abs(places[0]), Math.abs(places[last])), slack = tied(low) - low;
      let far = FURTHER.map((times) => value(way * reach * times));
      if (Number.isNaN(far[0]) || far[0] === Infinity) far = way < 0 ? seen.slice(0, 3).reverse() : seen.slice(-3);
      const [a, b] = [far[0], Number.isFinite(far[1]) ? far[1] : far[0]], c = Number.isFinite(far[2]) ? far[2] : b;
      if (far.includes(-Infinity) || (b - c > slack && b - c > (a - b) / 2)) return none("endless", { goes: placed(way * Infinity) });
      let limit = finite(far).pop();
      if (limit === undefined) limit = value(places[way < 0 ? 0 : last]);
      if (Math.abs(limit) <= STEEP * (most - limit)) limit = 0;
      const flat = limit < low - slack ? null : flatFrom(insider, edge, way);
      return flat === null ? none("limit", { limit, goes: placed(way * Infinity) }) : found(flat);
    }

    function inStretch([i, j]) {
      if (!ends && (i === 0 || j === last)) return outside(i, j, i === 0 ? -1 : 1);
      const a = places[Math.max(i - 1, 0)], b = places[Math.min(j + 1, last)], at = level(slope, a, b);
      if (at !== null && value(at) <= tied(low) && hasFloor(at, b - a)) return found(at);
      return closedIn(a, b, places.slice(i, j + 1).reduce((p, q) => (Math.abs(q) < Math.abs(p) ? q : p)));
    }

    /** Neighbouring places that are as good as the best, the nearest to 0 first. */
    function stretches() {
      const good = seen.map((v) => v <= tied(low)), pairs = [];
      good.forEach((is, k) => {
        if (is && !good[k - 1]) pairs.push([k, k]);
        if (is) pairs[pairs.length - 1][1] = k;
      });
      const nearest = ([i, j]) => lowest(places.slice(i, j + 1).map(Math.abs));
      return pairs.sort((p, q) => nearest(p) - nearest(q));
    }

    /** Places beyond a ridge that are lower than their neighbours, with a parabola about as low, the lowest first. */
    function rivalsOf(at) {
      const here = value(at), spread = most - here, rivals = [];
      for (let k = 1; k < last; k++) {
        const [a, b, c] = seen.slice(k - 1, k + 2), bend = a - 2 * b + c, place = places[k];
        if (!(b <= Math.min(a, c) && bend > 0 && b - (c - a) / bend / 8 * (c - a) <= here + CLOSE * spread)) continue;
        const between = seen.filter((_, i) => Math.min(place, at) < places[i] && places[i] < Math.max(place, at));
        if (highest(between) > here + ALIKE * spread) rivals.push(k);
      }
      return rivals.sort((p, q) => seen[p] - seen[q]);
    }

    /** This minimum, or a lower one among those that look as low; of those that are as good, the nearest to 0. */
    function settled(start) {
      const rivals = rivalsOf(start), size = (k) => Math.abs(places[k]);
      let at = start;
      for (const k of rivals.slice(0, MOST)) {
        const one = inStretch([k, k]);
        if (!one.why && value(one.at) < value(at) - ALIKE * Math.abs(value(at))) ({ at } = one);
      }
      const here = value(at), nearer = rivals.filter((k) => size(k) < Math.abs(at)).sort((p, q) => size(p) - size(q));
      for (const k of nearer.slice(0, MOST)) {
        const one = inStretch([k, k]);
        if (!one.why && Math.abs(one.at) < Math.abs(at) && value(one.at) <= here + ALIKE * Math.abs(here)) return one;
      }
      return found(at);
    }

    const told = verdict();
    if (told) return told;
    const tried = stretches().slice(0, MOST).map(inStretch), one = tried.find(({ why }) => !why);
    return one ? settled(one.at) : tried[0];
  }

  /** The constant raw prediction of least value on the sample, one number a row: `at`, or null and `why` in words. */
  function bestOf(program, best, scene, bounds, parameters) {
    const n = best.targets[0][1].length, options = { columns: Object.fromEntries(best.columns), parameters };
    if (scene.classes) options.classes = scene.classes;
    const y = Object.fromEntries(best.targets), given = best.targets.length > 1 ? y : y[best.targets[0][0]];
    const asked = (what, c) => {
      try {
        return what(given, new Float64Array(n).fill(c), options);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error; // a raw prediction that the loss does not take
        return null;
      }
    };
    const value = (c) => asked(program.value, c) ?? NaN;
    const slope = (c) => (asked(program.gradient, c) || [NaN]).reduce((a, b) => a + b, 0);
    const one = least(value, slope, best.places, best.ends);
    const tiny = TINY * Math.max(Math.abs(best.places[0]), Math.abs(best.places[best.places.length - 1]));
    if (one.why || !(Math.abs(one.at) < tiny)) return one; // what rounding leaves of 0 is 0
    return value(0) <= tied(value(one.at)) ? found(0) : one;
  }

  const bestConstant = (...asked) => bestOf(...asked).at;

  return { bestOf, bestConstant };
})();
