/* Gradient descent in the browser, as path.py, network.py and rate.py do it in Python.
Comes in: what live.py wrote (rows, start, plane), the object of a loss (see emit/prelude.js), and of an activation or null.
Goes out: runs, the largest curvature, and a verdict. */
var lossmithDescend = (() => {
  "use strict";

  const ROUNDING = 64 * Number.EPSILON, OFTEN = 0.1, MUCH = 2, SHARE = 0.999, TURNS = 30;

  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const floats = (text) => new Float64Array(bytes(text).buffer);

  /** Numbers as live.py packs them: all of them, or the different ones and which of them stands in each row. */
  function unpacked({ values, codes, wide }) {
    const known = floats(values);
    if (codes === undefined) return known;
    const places = wide ? new Uint16Array(bytes(codes).buffer) : bytes(codes);
    return Float64Array.from(places, (place) => known[place]);
  }

  function dot(a, b) {
    let sum = 0;
    for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
    return sum;
  }

  const size = (v) => Math.sqrt(dot(v, v));
  function plus(a, b, times) {
    const sum = new Float64Array(a.length);
    for (let i = 0; i < a.length; i++) sum[i] = a[i] + times * b[i];
    return sum;
  }

  const finite = (v) => v.every(Number.isFinite);

  /** The loss as a function of the parameters: value and gradient, forwards and backwards through the layers. */
  function objective(setup, loss, activation) {
    const X = setup.columns.map(unpacked), n = setup.rows, widths = setup.widths, last = widths[widths.length - 1];
    const targets = Object.fromEntries(Object.entries(setup.targets).map(([name, part]) => [name, unpacked(part)]));
    const y = setup.single ? targets.y : targets, numbers = activation && activation.parameters;
    const extra = Object.fromEntries(Object.entries(setup.extra).map(([name, part]) => [name, unpacked(part)]));
    const options = { columns: extra };
    if (setup.weight) options.weight = unpacked(setup.weight);
    if (setup.classes) options.classes = setup.classes;

    function layers(w) {
      let place = 0;
      return widths.slice(1).map((outputs, l) => {
        const inputs = widths[l], weights = w.subarray(place, place + inputs * outputs);
        place += inputs * outputs;
        const biases = setup.intercept ? w.subarray(place, place + outputs) : new Float64Array(outputs);
        place += setup.intercept ? outputs : 0;
        return { inputs, outputs, weights, biases };
      });
    }

    function summed(entering, { inputs, outputs, weights, biases }) {
      return Array.from({ length: outputs }, (_, j) => {
        const z = new Float64Array(n).fill(biases[j]);
        for (let i = 0; i < inputs; i++) {
          const a = entering[i], by = weights[i * outputs + j];
          for (let r = 0; r < n; r++) z[r] += a[r] * by;
        }
        return z;
      });
    }

    function forwards(w) {
      const all = layers(w), before = [], after = [X];
      all.forEach((layer, l) => {
        before.push(summed(after[l], layer));
        if (l < all.length - 1) after.push(before[l].map((z) => z.map((v) => activation.value(v, numbers))));
      });
      return { all, before, after };
    }

    /** Row by row, as losses take raw predictions of several outputs. */
    function together(parts) {
      if (parts.length === 1) return parts[0];
      const z = new Float64Array(n * last);
      parts.forEach((part, k) => { for (let r = 0; r < n; r++) z[r * last + k] = part[r]; });
      return z;
    }

    function backwards({ all, before, after }, slope) {
      let delta = Array.from({ length: last }, (_, k) => {
        const own = new Float64Array(n);
        for (let r = 0; r < n; r++) own[r] = slope[r * last + k];
        return own;
      });
      const parts = [];
      for (let l = all.length - 1; l >= 0; l--) {
        const { inputs, outputs, weights } = all[l], entering = after[l], found = new Float64Array(inputs * outputs);
        for (let i = 0; i < inputs; i++) for (let j = 0; j < outputs; j++) found[i * outputs + j] = dot(entering[i], delta[j]);
        if (setup.intercept) parts.unshift(found, Float64Array.from(delta, (d) => d.reduce((a, b) => a + b, 0)));
        else parts.unshift(found);
        if (l) delta = before[l - 1].map((z, i) => z.map((v, r) => {
          let back = 0;
          for (let j = 0; j < outputs; j++) back += delta[j][r] * weights[i * outputs + j];
          return back * activation.derivative(v, numbers);
        }));
      }
      const joined = new Float64Array(parts.reduce((sum, part) => sum + part.length, 0));
      let place = 0;
      for (const part of parts) { joined.set(part, place); place += part.length; }
      return joined;
    }

    return (w) => {
      const walk = forwards(w), z = together(walk.before[walk.before.length - 1]);
      return { value: loss.value(y, z, options), slope: backwards(walk, loss.gradient(y, z, options)) };
    };
  }

  function looked(at, w) {
    if (!finite(w)) return { value: NaN, stop: "the parameters are too large for a number" };
    try {
      const { value, slope } = at(w);
      if (!Number.isFinite(value)) return { value, slope, stop: Number.isNaN(value) ? "the loss is not a number" : "the loss is infinite" };
      return { value, slope, stop: finite(slope) ? "" : "the gradient is no number" };
    } catch (error) {
      return { value: NaN, stop: "the loss has no value" };
    }
  }

  /** Walk down: points, losses and sizes of the gradient; `stop` says why it ended early. */
  function walk(at, start, rate, steps) {
    const points = [start], losses = [], norms = [];
    let stop = "";
    for (let step = 0; step <= steps; step++) {
      const seen = looked(at, points[points.length - 1]);
      losses.push(seen.value);
      stop = seen.stop;
      if (stop || step === steps) break;
      norms.push(size(seen.slope));
      points.push(plus(points[points.length - 1], seen.slope, -rate));
    }
    const rises = losses.slice(1).map((after, i) => after === Infinity || !(after - losses[i] <= ROUNDING * Math.max(Math.abs(after), Math.abs(losses[i]))));
    return { rate, points, losses, norms, stop, rises };
  }

  /** The largest eigenvalue of a symmetric matrix of three diagonals, by halving: how many lie above x is counted by signs. */
  function topOf(alpha, beta) {
    const around = alpha.map((a, i) => Math.abs(beta[i - 1] || 0) + Math.abs(beta[i] || 0));
    let low = Math.min(...alpha.map((a, i) => a - around[i])), high = Math.max(...alpha.map((a, i) => a + around[i]));
    const below = (x) => {
      let q = 1;
      return alpha.every((a, i) => (q = a - x - (i ? beta[i - 1] ** 2 / q : 0)) < 0);
    };
    for (let turn = 0; turn < 60; turn++) {
      const middle = (low + high) / 2;
      if (below(middle)) high = middle;
      else low = middle;
    }
    return high;
  }

  /** The largest eigenvalue of the hessian, by Lanczos; each product is a central difference of gradients. */
  function curvature(at, w) {
    const h = 1e-5 * Math.max(1, size(w)), seen = [], alpha = [], beta = [];
    const times = (v) => plus(at(plus(w, v, h)).slope, at(plus(w, v, -h)).slope, -1).map((x) => x / (2 * h));
    let v = Float64Array.from(w, (_, i) => Math.sin(12.9898 * (i + 1)));
    v = v.map((x) => x / size(v));
    try {
      for (let turn = 0; turn < Math.min(w.length, TURNS); turn++) {
        let u = times(v);
        alpha.push(dot(u, v));
        seen.push(v);
        for (const other of [...seen, ...seen]) u = plus(u, other, -dot(u, other));
        const long = size(u);
        if (!(long > 1e-7 * Math.abs(alpha[0]))) break;
        beta.push(long);
        v = u.map((x) => x / long);
      }
    } catch (error) {
      return NaN;
    }
    return topOf(alpha, beta.slice(0, alpha.length - 1));
  }

  const edgeOf = (bend) => (bend > 0 ? 2 / bend : Infinity);
  const least = (losses) => losses.filter(Number.isFinite).reduce((a, b) => Math.min(a, b), Infinity);
  const counted = (rises) => rises.filter(Boolean).length;
  const late = (rises) => rises.slice(rises.length >> 1);

  function reached(run, level) {
    const step = run.losses.findIndex((loss) => loss <= level);
    return step < 0 ? null : step;
  }

  /** What a run is, beside others that were run from the same start: the words of rate.py. */
  function judged(run, edge, others) {
    const first = run.losses[0], low = least(run.losses), last = run.losses[run.losses.length - 1];
    if (!run.norms.length || run.norms[0] <= 1e-13 * Math.max(1, Math.abs(first))) return { word: "at rest" };
    const top = run.losses.reduce((a, b) => Math.max(a, b), -Infinity);
    if (run.stop || (counted(run.rises) && last > first && last >= 0.5 * top)) return { word: "diverging" };
    const later = late(run.rises);
    if (run.rate > edge || counted(later) > OFTEN * later.length) return { word: "past the edge" };
    const own = reached(run, low < first ? first - SHARE * (first - low) : -Infinity);
    const fall = Math.max(low, ...others.map((o) => least(o.losses))) - Math.min(low, ...others.map((o) => least(o.losses)));
    const steady = others.filter((o) => {
      const end = o.losses[o.losses.length - 1], steps = o.losses.length - 1;
      return !o.stop && end - least(o.losses) <= 1e-3 * fall && counted(o.rises) <= OFTEN * steps && counted(late(o.rises)) <= (OFTEN * steps) / 2;
    });
    const level = first - SHARE * (first - low);
    const faster = steady.filter((o) => o.rate > run.rate).map((o) => ({ rate: o.rate, reached: reached(o, level) }))
      .filter((o) => own && o.reached && own >= MUCH * o.reached).sort((a, b) => a.reached - b.reached || a.rate - b.rate)[0];
    return faster ? { word: "too small", own, faster } : { word: "good" };
  }

  /** A number with so many digits, as the page writes them. */
  function written(v, digits = 6) {
    if (v === null || v === undefined) return "–";
    if (Number.isNaN(v)) return "no number";
    if (!Number.isFinite(v)) return v > 0 ? "∞" : "−∞";
    if (v === 0) return "0";
    const size = Math.abs(v), plain = size < 1e7 && size >= 1e-4;
    const text = plain ? String(Number(v.toPrecision(digits))) : v.toExponential(digits - 1).replace(/\.?0+e/, "e");
    return text.replace("-", "−").replace("e-", "e−").replace("e+", "e");
  }

  return { objective, walk, curvature, edgeOf, judged, unpacked, counted, least, written };
})();
