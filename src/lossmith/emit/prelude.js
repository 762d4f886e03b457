/* Lossmith in JavaScript: what the generated functions of a loss call. A plain script that makes one name, `lossmith`.

A loss is an object with `value(y, z, options)`, `gradient`, `predict(z, options)`, and for losses that are a sum over
rows `perExample`, `perExampleGradient`, `perExampleHessian`. `y` is an array (for classes: class numbers, or shares row
by row), or an object of arrays for several targets; `z` is a flat array of raw predictions, row by row where a row has
several. options: {weight, columns: {name: array, mask, group}, parameters: {name: number}, classes}.
Arrays come out, or a number; what is refused is said in one sentence. Numbers are never clipped. */
var lossmith = (() => {
  "use strict";

  // Functions that JavaScript lacks -----------------------------------------------------------------------------------

  const SPLITTER = 134217729; // 2**27 + 1: cuts 53 bits into two halves of 26
  const ROUND = 6755399441055744; // 1.5 * 2**52: adding it leaves the nearest whole number in the low bits
  const bits = new Uint32Array(new Float64Array([1]).buffer);
  const word = new Float64Array(bits.buffer);
  const HIGH = bits[1] ? 1 : 0;

  /** 2**k for -1022 <= k <= 1023, exactly. */
  function powerOfTwo(k) {
    bits[1 - HIGH] = 0;
    bits[HIGH] = (k + 1023) << 20;
    return word[0];
  }

  /** a**b as in C: 1 to any power and anything to the power 0 are 1. */
  function power(a, b) {
    return a === 1 || (a === -1 && Math.abs(b) === Infinity) ? 1 : Math.pow(a, b);
  }

  /** What rounding takes from the product a * b, which is given (Dekker 1971). */
  function lostProduct(a, b, product) {
    const s = a * SPLITTER, t = b * SPLITTER;
    const a1 = s - (s - a), b1 = t - (t - b), a2 = a - a1, b2 = b - b1;
    return ((a1 * b1 - product) + a1 * b2 + a2 * b1) + a2 * b2;
  }

  /** exp(a * b + c) with product and sum kept in two words, so that their rounding does not grow. */
  function expMuladd(a, b, c) {
    const hi = a * b, total = hi + c, grown = Math.exp(total);
    if (!(Math.abs(total) < 1e4 && grown < Infinity)) return grown; // infinity * 0 is NaN
    if (!(Math.abs(hi) < 1e4 && Math.abs(a) < 1e290 && Math.abs(b) < 1e290)) return grown;
    const part = total - hi;
    return grown + grown * ((hi - (total - part)) + (c - part) + lostProduct(a, b, hi));
  }

  /** e**x - grown, for grown = e**x rounded: the series to its third term in two words (error 2**-62 of e**x). */
  function expRest(x, grown) {
    if (!(Math.abs(x) < 700)) return 0;
    const k = x * 1.4426950408889634 + ROUND - ROUND;
    const near = x - k * 0.69314718036912381649, far = -k * 1.90821492927058770002e-10;
    const r = near + far, c = far - (r - near);
    const square = r * r, squareRest = lostProduct(r, r, square);
    const cube = square * r, third = cube / 6;
    const cubeRest = ((cube - 4 * third) - 2 * third) + lostProduct(square, r, cube) + squareRest * r;
    let tail = 1 / 20922789888000, factorial = 1307674368000;
    for (let j = 15; j >= 4; j--) {
      tail = tail * r + 1 / factorial;
      factorial /= j;
    }
    let total = 1 - grown * powerOfTwo(-k), lost = cubeRest / 6 + 0.5 * squareRest + c * Math.exp(r);
    for (const term of [r, 0.5 * square, third]) {
      const sum = total + term, back = sum - total;
      lost += (total - (sum - back)) + (term - back);
      total = sum;
    }
    return ((total + square * square * tail) + lost) * powerOfTwo(k);
  }

  // 1 - erf at 0.5, 1, 1.5 ... 5.5
  const ERFC = [
    0.4795001221869535, 0.15729920705028513, 0.033894853524689274, 0.004677734981047266, 0.0004069520174449589,
    2.209049699858544e-05, 7.430983723414128e-07, 1.541725790028002e-08, 1.9661604415428876e-10,
    1.537459794428035e-12, 7.357847917974398e-15,
  ];

  /** The error function. */
  function erf(x) {
    const size = Math.abs(x);
    if (!(size < 6)) return Math.sign(x); // NaN stays NaN
    const [c, sum] = aroundHalves(size);
    return Math.sign(x) * (c === 0 ? sum : 1 - (ERFC[2 * c - 1] - sum));
  }

  /** What erf grows from the nearest multiple c of 1/2 to size, by Taylor's series with Hermite's polynomials. */
  function aroundHalves(size) {
    const c = Math.min(Math.round(2 * size) / 2, 5.5), h = size - c;
    let before = 0, here = 1, factor = h, sum = 0;
    for (let n = 1; n < 40; n++) {
      sum += here * factor;
      [before, here] = [here, -2 * (c * here + (n - 1) * before)];
      factor *= h / (n + 1);
    }
    return [c, sum * (2 / Math.sqrt(Math.PI)) * Math.exp(-c * c)];
  }

  /** The share of a standard normal below z > -1.5; what rounding takes from z / sqrt(2) is given back. */
  function normalShare(z) {
    const size = Math.abs(z) * Math.SQRT1_2;
    if (!(size < 6)) return z > 0 ? 1 : z; // NaN stays NaN
    const [c, sum] = aroundHalves(size), product = size * Math.SQRT2;
    const taken = (Math.abs(z) - product) - lostProduct(size, Math.SQRT2, product) + size * 9.667293313452913e-17;
    const beyond = (c === 0 ? 1 - sum : ERFC[2 * c - 1] - sum) / 2 - normalDensity(z) * taken;
    return z < 0 ? beyond : 1 - beyond;
  }

  const normalDensity = (z) => expMuladd(-0.5 * z, z, 0) * 0.3989422804014327;

  /** z + normalHazard(z); for z < -1.5 by Laplace's continued fraction, as many terms as its size takes. */
  function normalGap(z) {
    if (!(z < -1.5)) return z + normalDensity(z) / normalShare(z);
    let rest = -z;
    for (let k = Math.trunc(12 + 460 / (z * z)); k > 1; k--) rest = k / rest - z;
    return 1 / rest;
  }

  /** The density of a standard normal over the share below z. */
  const normalHazard = (z) => (z < -1.5 ? normalGap(z) - z : normalDensity(z) / normalShare(z));

  /** The share of a standard normal below z. */
  const normalCdf = (z) => (z < -1.5 ? normalDensity(z) / normalHazard(z) : normalShare(z));

  function logNormalCdf(z) {
    if (z < -1.5) return -0.5 * z * z - 0.9189385332046728 - Math.log(normalHazard(z));
    return z < 0 ? Math.log(normalShare(z)) : Math.log1p(-normalCdf(-z));
  }

  // (zeta(k) - 1) / k with alternating signs, k = 2 ... : log gamma(2 + t) = (1 - Euler) t + sum of these t**k
  const ZETA = [
    0.3224670334241132, -0.0673523010531981, 0.020580808427784546, -0.007385551028673986, 0.0028905103307415234,
    -0.001192753911703261, 0.0005096695247430425, -0.00022315475845357939, 9.945751278180853e-05,
    -4.492623673813314e-05, 2.050721277567069e-05, -9.439488275268397e-06, 4.374866789907488e-06,
    -2.039215753801366e-06, 9.55141213040742e-07, -4.492469198764566e-07, 2.1207184805554665e-07,
    -1.0043224823968099e-07, 4.7698101693639804e-08, -2.2711094608943164e-08, 1.0838659214896955e-08,
    -5.183475041970047e-09, 2.4836745438024785e-09, -1.1921401405860912e-09, 5.731367241678862e-10,
    -2.7595228851242334e-10, 1.330476437424449e-10, -6.4229645638381e-11, 3.1044247747322276e-11,
  ];
  // the asymptotic series of lgamma, digamma and trigamma, made of Bernoulli's numbers
  const STIRLING = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156, -3617 / 122400];
  const DIGAMMA = [1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12];
  const TRIGAMMA = [1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6];

  function polynomial(factors, x) {
    let sum = 0;
    for (let j = factors.length - 1; j >= 0; j--) sum = sum * x + factors[j];
    return sum;
  }

  /** log gamma(2 + t), |t| <= 1/2. */
  function nearTwo(t) {
    return t * (0.42278433509846713 + t * polynomial(ZETA, t));
  }

  /** log |gamma(x)|: near its roots 1 and 2 by the series about 2, far by Stirling's. */
  function lgamma(x) {
    if (x <= 0) {
      const sine = Math.sin(Math.PI * (x - Math.round(x)));
      return sine === 0 ? Infinity : Math.log(Math.PI / Math.abs(x * sine)) - lgamma(-x);
    }
    if (x < 0.5) return nearTwo(x) - Math.log(x) - Math.log1p(x);
    if (x < 1.5) return nearTwo(x - 1) - Math.log1p(x - 1);
    if (x < 10) {
      let product = 1;
      for (; x >= 2.5; x--) product *= x - 1;
      return Math.log(product) + nearTwo(x - 2);
    }
    if (x > 1e300) return x * (Math.log(x) - 1);
    return (x - 0.5) * Math.log(x) - x + 0.9189385332046728 + polynomial(STIRLING, 1 / (x * x)) / x;
  }

  /** The derivative of lgamma: upwards to 13, there the asymptotic series (Abramowitz and Stegun, 6.3.18). */
  function digamma(x) {
    if (x <= 0) {
      const part = x - Math.round(x);
      return part === 0 ? NaN : digamma(1 - x) - Math.PI / Math.tan(Math.PI * part);
    }
    let steps = 0;
    for (; x < 13; x++) steps += 1 / x;
    const q = 1 / (x * x);
    return Math.log(x) - (0.5 / x + q * polynomial(DIGAMMA, q)) - steps;
  }

  /** The derivative of digamma: upwards to 13, there its series (6.4.12). */
  function trigamma(x) {
    if (x <= 0) return (Math.PI / Math.sin(Math.PI * (x - Math.round(x)))) ** 2 - trigamma(1 - x);
    let steps = 0;
    for (; x < 13; x++) steps += 1 / (x * x);
    const q = 1 / (x * x);
    return steps + 1 / x + 0.5 * q + polynomial(TRIGAMMA, q) * q / x;
  }

  /** The place of the first largest number; NaN counts as the largest. */
  function firstMax(x) {
    let at = 0;
    for (let k = 0; k < x.length; k++) {
      if (x[k] !== x[k]) return k;
      if (x[k] > x[at]) at = k;
    }
    return at;
  }

  /** n numbers by their place. */
  function filled(n, number) {
    const found = new Float64Array(n);
    for (let j = 0; j < n; j++) found[j] = number(j);
    return found;
  }

  // Sums over the rows: double words, one for each group and class ----------------------------------------------------

  function sums(size) {
    return { hi: new Float64Array(size), lo: new Float64Array(size) };
  }

  function add(into, at, x) {
    const a = into.hi[at], s = a + x, back = s - a;
    into.lo[at] += (a - (s - back)) + (x - back);
    into.hi[at] = s;
  }

  /** Make hi the rounded sum; the rest of an infinite or unknown sum means nothing. */
  function settle(found) {
    for (let j = 0; j < found.hi.length; j++) {
      const hi = found.hi[j], lo = found.lo[j], s = hi + lo;
      const known = Number.isFinite(hi) && Number.isFinite(s);
      found.hi[j] = known ? s : hi;
      found.lo[j] = known ? lo - (s - hi) : 0;
    }
    return found;
  }

  function total(terms) {
    const found = sums(1);
    for (const x of terms) add(found, 0, x);
    return settle(found).hi[0];
  }

  function maxima(size) {
    return { hi: new Float64Array(size).fill(-Infinity), lo: new Float64Array(size) };
  }

  function raise(into, at, x) {
    into.hi[at] = Math.max(into.hi[at], x);
  }

  function lists(size) {
    return { terms: Array.from({ length: size }, () => []) };
  }

  function gather(into, at, x) {
    into.terms[at].push(x);
  }

  /** log of the sum of e**term, from the largest term on. */
  function logTotals(into) {
    const hi = Float64Array.from(into.terms, (terms) => {
      const top = terms.reduce((a, b) => Math.max(a, b), -Infinity);
      return Number.isFinite(top) ? top + Math.log(total(terms.map((x) => Math.exp(x - top)))) : top;
    });
    return { hi, lo: new Float64Array(hi.length) };
  }

  /** The total weight, or the number of rows that have any; per group where that is asked for. */
  function counted(rows, weighed, grouped) {
    const found = sums(grouped ? rows.G : 1);
    for (let i = 0; i < rows.n; i++) {
      add(found, grouped ? rows.groups[i] : 0, weighed || rows.w[i] === 0 ? rows.w[i] : 1);
    }
    return settle(found);
  }

  // Finished numbers that have a group or class axis ------------------------------------------------------------------

  /** Join finished numbers (G groups of K classes) across one axis. */
  function across(x, G, K, axis, join) {
    return axis === "class"
      ? filled(G, (g) => join(filled(K, (k) => x[g * K + k])))
      : filled(K, (k) => join(filled(G, (g) => x[g * K + k])));
  }

  function mean(x) {
    return total(x) / x.length;
  }

  function largest(x) {
    return x.reduce((a, b) => Math.max(a, b), -Infinity);
  }

  // A choice between rows ---------------------------------------------------------------------------------------------

  /** How rows stand to each other: by group, NaN first, then by falling score; 0 where they are equal. */
  function ranking(score, groups) {
    const unknown = (i) => (score[i] !== score[i] ? 1 : 0);
    return (i, j) => {
      if (groups && groups[i] !== groups[j]) return groups[i] - groups[j];
      if (unknown(i) || unknown(j)) return unknown(j) - unknown(i);
      return score[i] === score[j] ? 0 : score[i] < score[j] ? 1 : -1;
    };
  }

  /** The share of each row among the `amount` of weight (in its group) with the largest scores. Equal rows at
  the border share what is left. */
  function chosen(score, amount, among, rows, grouped) {
    const group = (i) => (grouped ? rows.groups[i] : 0), may = (i) => (among ? among[i] : 1);
    const compare = ranking(score, grouped ? rows.groups : null);
    const mass = rows.w.map((w, i) => (w === 0 ? 0 : w * may(i))), share = new Float64Array(rows.n);
    const order = Array.from(mass.keys()).filter((i) => mass[i] !== 0).sort(compare);
    let before = sums(1);
    for (let from = 0, to = 0; from < order.length; from = to) {
      if (from === 0 || group(order[from]) !== group(order[from - 1])) before = sums(1);
      while (to < order.length && compare(order[from], order[to]) === 0) to++;
      const equal = order.slice(from, to), held = total(equal.map((i) => mass[i]));
      const part = (amount[group(order[from])] - before.hi[0] - before.lo[0]) / held;
      for (const i of equal) share[i] = Math.min(Math.max(part, 0), 1) * may(i);
      add(before, 0, held);
    }
    return share;
  }

  // What a loss is given, as rows, checked ----------------------------------------------------------------------------

  function refuse(spec, sentence) {
    throw new RangeError(`${spec.name}: ${sentence}`);
  }

  function inside([low, high, lowOpen, highOpen, whole], x) {
    return (lowOpen ? x > low : x >= low) && (highOpen ? x < high : x <= high) && (!whole || x === Math.floor(x));
  }

  function check(spec, { range, words }, label, x, place = "") {
    if (!inside(range, x)) refuse(spec, `${label} must be ${words}, found ${x}${place}.`);
  }

  function parametersOf(spec, given) {
    for (const name of Object.keys(given || {})) {
      if (!Object.hasOwn(spec.parameters, name)) refuse(spec, `there is no parameter "${name}".`);
    }
    const found = { ...spec.parameters, ...given };
    for (const [name, domain] of Object.entries(spec.domains)) check(spec, domain, name, found[name]);
    return found;
  }

  function column(spec, name, given, n) {
    if (!given || typeof given !== "object" || !("length" in given)) refuse(spec, `${name} is missing, or no array.`);
    if (given.length !== n) refuse(spec, `${name} must have ${n} entries, got ${given.length}.`);
    return new Float64Array(given);
  }

  /** Raw predictions cut into heads, or n rows of K classes; `entries` targets are given. */
  function layout(spec, z, options, entries) {
    const heads = spec.shape.heads.length, { classes } = spec.shape;
    const K = classes ? options.classes || z.length / entries : 1, n = z.length / (heads || K);
    if (classes && !options.classes && !(K > 1 || spec.perClass)) refuse(spec, "say how many classes: {classes: 3}.");
    if (!Number.isInteger(K) || !Number.isInteger(n)) refuse(spec, `${z.length} raw predictions are no whole rows.`);
    const parts = heads ? spec.shape.heads.map((_, j) => filled(n, (i) => z[i * heads + j])) : [new Float64Array(z)];
    return { n, K, G: 1, z: parts };
  }

  const WEIGHT = { range: [0, Infinity, false, true, false], words: "finite and at least 0" };
  const MASK = { range: [0, 1, false, false, true], words: "true or false" };

  /** The weight of every row before its class is looked at; a row of weight 0 is absent, whatever its columns hold. */
  function weights(spec, rows, y, options) {
    const given = options.columns || {}, factors = given.mask ? [{ name: "mask", mask: true }] : [];
    const w = options.weight ? column(spec, "weight", options.weight, rows.n) : new Float64Array(rows.n).fill(1);
    w.forEach((x, i) => check(spec, WEIGHT, "a weight", x, ` in row ${i}`));
    if (spec.ignored.length) w.forEach((_, i) => { if (spec.ignored.includes(y[i])) w[i] = 0; });
    for (const { name, mask } of [...factors, ...spec.weighing]) {
      const found = column(spec, name, given[name], rows.n);
      for (let i = 0; i < rows.n; i++) {
        if (w[i] === 0) continue;
        check(spec, mask ? MASK : WEIGHT, name, found[i], ` in row ${i}`);
        w[i] *= found[i];
      }
    }
    return w;
  }

  /** One target: an entry a row, or shares of the classes, row by row; class numbers become shares. */
  function target(spec, rows, row, given) {
    const { n, K, w } = rows, label = row.name === "y" ? "y" : `y.${row.name}`;
    const found = column(spec, label, given, row.classes && given && given.length === n * K ? n * K : n);
    const numbers = row.classes && found.length === n && (K > 1 || row.numbers), each = found.length / n;
    const domain = numbers ? { range: [0, K, false, true, true], words: `a class number below ${K}` } : row;
    for (let j = 0; j < found.length; j++) {
      const i = Math.floor(j / each);
      if (w[i] !== 0) check(spec, domain, label, found[j], ` in row ${i}`);
    }
    return numbers ? filled(n * K, (j) => (found[Math.floor(j / K)] === j % K ? 1 : 0)) : found;
  }

  /** Weights by class: a row is a measure over the classes, and its weight and shares follow. */
  function measure(spec, rows, p) {
    const name = spec.targets[0].name, wide = spec.targets[0].classes, K = wide ? rows.K : 2;
    const table = new Float64Array(K).fill(1), y = rows.y[name], w = rows.w;
    for (const [k, weight] of spec.classWeights) {
      if (k >= K) refuse(spec, `there is a weight for class ${k}, but only ${K} classes.`);
      table[k] *= weight;
    }
    for (let i = 0; i < rows.n; i++) {
      let shares = Array.from(table, (_, k) => (wide ? y[i * K + k] : k ? y[i] : 1 - y[i]));
      for (const rate of spec.smoothing) shares = shares.map((share) => (1 - p[rate]) * share + p[rate] / K);
      const parts = shares.map((share, k) => share * table[k]), mass = total(parts);
      if (mass !== 0) shares = parts.map((part) => part / mass);
      if (w[i] !== 0) w[i] *= mass;
      if (wide) shares.forEach((share, k) => { y[i * K + k] = share; });
      else y[i] = shares[1];
    }
  }

  /** The number of every row's group, from 0; without names every row is a group. */
  function groupsOf(spec, rows, given) {
    if (!given && spec.groups === "chosen") refuse(spec, "name the groups to choose in: {columns: {group: ...}}.");
    if (given && given.length !== rows.n) refuse(spec, `group must have ${rows.n} entries, got ${given.length}.`);
    const ids = new Map();
    for (let i = 0; i < rows.n; i++) {
      const key = given ? given[i] : i;
      if (!ids.has(key)) ids.set(key, ids.size);
    }
    rows.groups = Int32Array.from({ length: rows.n }, (_, i) => ids.get(given ? given[i] : i));
    rows.G = ids.size;
  }

  function checkRaw(spec, rows) {
    for (const part of rows.z) {
      part.forEach((x, j) => {
        const i = Math.floor((j * rows.n) / part.length);
        if (rows.w[i] !== 0) check(spec, spec.raw, "z", x, ` in row ${i}`);
      });
    }
  }

  function rowsOf(spec, y, z, options, p) {
    const several = spec.targets.length > 1 || spec.targets[0].name !== "y";
    const given = (several ? y : { y }) || {}, first = given[spec.targets[0].name] || [];
    const rows = layout(spec, z, options, first.length), columns = options.columns || {};
    for (const name of Object.keys(columns)) {
      const known = [...spec.shape.columns, "mask", "group"].includes(name);
      if (!known) refuse(spec, `there is no column "${name}".`);
    }
    rows.w = weights(spec, rows, first, options);
    if (spec.raw) checkRaw(spec, rows);
    rows.y = Object.fromEntries(spec.targets.map((row) => [row.name, target(spec, rows, row, given[row.name])]));
    rows.columns = Object.fromEntries(
      spec.shape.columns.map((name) => [name, column(spec, name, columns[name], rows.n)]),
    );
    if (spec.classWeights.length) measure(spec, rows, p);
    rows.share = rows.w.map((w) => (w === 0 ? 0 : 1));
    if (spec.priors) {
      const K = spec.priors.length;
      if (K > 1 && K !== rows.K) refuse(spec, `there are ${K} class priors, but ${rows.K} classes.`);
      rows.prior = filled(rows.n * K, (j) => spec.priors[j % K]);
    }
    if (spec.groups) groupsOf(spec, rows, columns.group);
    return rows;
  }

  // The object of a loss ----------------------------------------------------------------------------------------------

  /** Heads side by side, row by row. */
  function stacked(parts, n) {
    if (parts.length === 1) return parts[0];
    return filled(n * parts.length, (j) => parts[j % parts.length][Math.floor(j / parts.length)]);
  }

  function loss(spec) {
    const method = (function_, name) => (y, z, options = {}) => {
      const p = parametersOf(spec, options.parameters), rows = rowsOf(spec, y, z, options, p);
      if (rows.w.some((w) => w !== 0)) {
        const found = function_(rows, p)[name];
        return name === "value" ? found : stacked(found, rows.n);
      }
      if (name !== "value") return new Float64Array(name === "perExample" ? rows.n : z.length);
      return spec.empty === "error" ? refuse(spec, "there is no row, which this loss treats as an error.") : spec.empty;
    };
    const predict = (z, options = {}) => {
      const rows = layout(spec, z, options, z.length);
      return stacked(spec.predict(rows, parametersOf(spec, options.parameters)), rows.n);
    };
    const { name, parameters, domains, shape } = spec, made = { name, parameters, domains, shape, predict };
    for (const [method_, function_] of Object.entries(spec.methods)) made[method_] = method(function_, method_);
    return made;
  }

  return {
    power, expMuladd, expRest, erf, normalCdf, logNormalCdf, normalHazard, normalGap, lgamma, digamma, trigamma,
    firstMax, sums, add, settle, maxima, raise, lists, gather, logTotals, counted, across, mean, total, largest, chosen,
    loss,
  };
})();
