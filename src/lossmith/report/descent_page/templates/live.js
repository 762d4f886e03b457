/* The learning rate as a slider: each move runs gradient descent anew, and draws its losses and its path.
Before it stand `lossmith` (the prelude of losses), `lossmithDescend`, and `liveLoss`, `liveActivation`: their objects. */
(() => {
  "use strict";
  const { objective, walk, curvature, edgeOf, judged, unpacked, counted, least, written } = lossmithDescend;
  const setup = JSON.parse(document.getElementById("live-data").textContent);
  const at = objective(setup, liveLoss, liveActivation), start = unpacked(setup.start);
  const plane = setup.plane && { origin: unpacked(setup.plane.origin), ways: setup.plane.directions.map(unpacked) };
  const slider = document.getElementById("live-slider"), field = document.getElementById("live-rate");
  const show = (id, text) => { document.getElementById(id).textContent = text; };
  const SVG = "http://www.w3.org/2000/svg", ends = [Math.log(setup.low), Math.log(setup.high)];
  const rateAt = (place) => Number(Math.exp(ends[0] + (ends[1] - ends[0]) * place / slider.max).toPrecision(3));
  const placeOf = (rate) => Math.round(slider.max * (Math.log(rate) - ends[0]) / (ends[1] - ends[0]));
  let waiting = 0;

  // Pictures ----------------------------------------------------------------------------------------------------------

  const LEFT = 78, RIGHT = 472, TOP = 51, BOTTOM = 301;

  function ticks(low, high, most) {
    const rough = (high - low) / most, ten = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((s) => s * ten).find((s) => (high - low) / s <= most);
    const found = [];
    for (let k = Math.ceil(low / step - 1e-9); k <= high / step + 1e-9 && found.length < 20; k++) found.push(k * step);
    return found;
  }

  /** A whole number with commas between its thousands. */
  const grouped = (text) => (/^−?\d{4,}$/.test(text) ? text.replace(/\B(?=(\d{3})+$)/g, ",") : text);
  const short = (v) => grouped(written(v, 4));
  const powerOfTen = (v) => "10" + [...String(Math.round(Math.log10(v)))].map((c) => (c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[c])).join("");

  /** An axis of losses: its ends, ticks, and whether it is logarithmic. */
  function axis(losses) {
    const seen = losses.filter(Number.isFinite), low = least(seen), high = seen.reduce((a, b) => Math.max(a, b), -Infinity);
    if (low > 0 && high > 20 * low) {
      const [a, b] = [Math.log10(low), Math.log10(high)], every = Math.max(1, Math.ceil((b - a) / 5));
      const tens = [];
      for (let k = Math.ceil(a); k <= b; k++) if (k % every === 0) tens.push(10 ** k);
      const share = (v) => (Math.log10(v) - a) / (b - a);
      const wide = Math.max(...tens.map((v) => Math.abs(Math.log10(v)))) > 4.5;
      return { share: (v) => 0.03 + 0.94 * share(v), ticks: tens.length ? tens : [low, high], text: wide ? powerOfTen : short };
    }
    const room = 0.06 * (high - low || Math.abs(high) || 1), [from, to] = [low - room, high + room];
    return { share: (v) => (v - from) / (to - from), ticks: ticks(from, to, 5), text: short };
  }

  function tag(name, attributes, text) {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function drawLosses(run) {
    const y = axis(run.losses), steps = setup.steps, across = (k) => LEFT + (RIGHT - LEFT) * k / steps;
    const up = (v) => BOTTOM - (BOTTOM - TOP) * y.share(v), parts = [];
    for (const k of ticks(0, steps, 5).filter(Number.isInteger)) {
      parts.push(tag("path", { d: `M${across(k).toFixed(1)} ${TOP}V${BOTTOM}`, class: k ? "grid" : "axis" }));
      parts.push(tag("text", { x: Math.min(across(k), 462).toFixed(1), y: BOTTOM + 20, class: "tick", "text-anchor": "middle" }, written(k)));
    }
    for (const v of y.ticks) {
      parts.push(tag("path", { d: `M${LEFT} ${up(v).toFixed(1)}H${RIGHT}`, class: "grid" }));
      parts.push(tag("text", { x: LEFT - 7, y: (up(v) + 5).toFixed(1), class: "tick", "text-anchor": "end" }, y.text(v)));
    }
    const seen = run.losses.map((v, k) => [v, k]).filter(([v]) => Number.isFinite(v));
    const course = seen.map(([v, k]) => `${across(k).toFixed(1)} ${up(v).toFixed(1)}`).join("L");
    parts.push(tag("path", { d: "M" + course + (seen.length === 1 ? "h0.1" : ""), class: "curve s1 d1", "data-line": 0 }));
    parts.push(tag("text", { x: (LEFT + RIGHT) / 2, y: BOTTOM + 40, class: "name", "text-anchor": "middle" }, "step"));
    const said = `The loss goes from ${written(run.losses[0], 4)} to ${written(run.losses[run.losses.length - 1], 4)}.`;
    document.getElementById("live-losses").replaceChildren(
      tag("title", {}, "Loss against step at this rate"), tag("desc", {}, said),
      tag("text", { x: 0, y: 15, class: "title" }, "Loss against step at this rate"), tag("text", { x: 0, y: 37, class: "name" }, "loss"), ...parts,
    );
  }

  const picture = document.querySelector("#live-surface svg.picture");
  const course = picture && tag("path", { class: "curve s2 d2" });
  const under = picture && tag("path", { class: "underlay" });
  const end = picture && tag("circle", { r: 6, class: "moving" });
  if (picture) {
    const [left, top, width, height] = picture.dataset.frame.split(" ").map(Number);
    const box = tag("svg", { x: left, y: top, width, height, viewBox: `${left} ${top} ${width} ${height}`, class: "curves" });
    box.append(under, course, end);
    picture.append(box);
  }

  /** The path on the plane of the picture; how many of its points lie outside. */
  function drawPath(run) {
    if (!picture) return;
    const [left, top, width, height] = picture.dataset.frame.split(" ").map(Number);
    const [[x0, x1], [y0, y1]] = ["x", "y"].map((name) => picture.dataset[name].split(" ").map(Number));
    const held = (share) => Math.min(Math.max(share, -20), 20);
    const places = run.points.slice(0, run.losses.length).map((w) => plane.ways.map((way) => way.reduce((sum, v, i) => sum + v * (w[i] - plane.origin[i]), 0)))
      .filter(([a, b]) => Number.isFinite(a) && Number.isFinite(b)).map(([a, b]) => [(a - x0) / (x1 - x0), (b - y0) / (y1 - y0)]);
    const inside = ([a, b]) => a >= 0 && a <= 1 && b >= 0 && b <= 1, drawn = places.slice(0, places.findLastIndex(inside) + 2);
    const d = "M" + drawn.map(([i, j]) => `${(left + width * held(i)).toFixed(1)} ${(top + height * (1 - held(j))).toFixed(1)}`).join("L");
    for (const line of [under, course]) line.setAttribute("d", d);
    const [i, j] = drawn[drawn.length - 1];
    end.setAttribute("cx", (left + width * held(i)).toFixed(1));
    end.setAttribute("cy", (top + height * (1 - held(j))).toFixed(1));
    const outside = places.filter((place) => !inside(place)).length;
    const gone = drawn.length < places.length ? " The path is drawn until it leaves for good." : "";
    show("live-outside", outside ? `${outside} of the ${places.length} points lie outside the picture.${gone}` : "All points lie within the picture.");
  }

  // What is said ------------------------------------------------------------------------------------------------------

  const times = (count) => `${count} step${count === 1 ? "" : "s"}`;

  function judge(run) {
    const finite = run.points.slice(0, run.losses.length).filter((w, k) => Number.isFinite(run.losses[k]));
    const bend = setup.bends ? curvature(at, finite[finite.length - 1]) : 0, edge = edgeOf(bend);
    const rates = [...new Set([...setup.shares, 2 * run.rate, 10 * run.rate])].filter((r) => r > run.rate && (setup.edge === null || r <= 30 * setup.edge));
    const others = run.stop ? [] : rates.map((rate) => walk(at, start, rate, setup.steps));
    const found = judged(run, edge, others);
    document.getElementById("live-verdict").dataset.word = found.word;
    const more = found.faster ? ` At ${written(found.faster.rate, 3)} the same fall takes ${times(found.faster.reached)} in place of ${found.own}.` : "";
    const why = run.stop ? ` After ${times(run.losses.length - 1)} ${run.stop}.` : "";
    show("live-verdict", `The learning rate ${written(run.rate)} is ${setup.words[found.word]}.${more}${why}`);
    const known = !run.stop && setup.bends;
    show("live-edge", known ? written(edge, 4) : "–");
    show("live-share", known ? written(run.rate / edge, 3) : "–");
  }

  function moved(rate) {
    const run = walk(at, start, rate, setup.steps);
    slider.setAttribute("aria-valuetext", `learning rate ${rate}`);
    show("live-last", written(run.losses[run.losses.length - 1]));
    show("live-least", written(least(run.losses)));
    show("live-rises", `${counted(run.rises)} of ${run.losses.length - 1}`);
    show("live-start-edge", setup.edge === null ? "–" : written(setup.edge, 4));
    show("live-start-share", setup.edge === null ? "–" : written(rate / setup.edge, 3));
    show("live-numbers", run.losses.map((loss, step) => `${step}\t${loss}`).join("\n"));
    drawLosses(run);
    drawPath(run);
    document.getElementById("live-verdict").removeAttribute("data-word");
    clearTimeout(waiting);
    waiting = setTimeout(() => judge(run), 120);
  }

  slider.addEventListener("input", () => {
    const rate = rateAt(Number(slider.value));
    field.value = String(rate);
    moved(rate);
  });
  field.addEventListener("change", () => {
    const rate = Number(field.value.replace(",", "."));
    const fits = Number.isFinite(rate) && rate > 0;
    field.setAttribute("aria-invalid", String(!fits));
    if (!fits) return;
    slider.value = String(placeOf(rate));
    moved(rate);
  });
  field.value = String(setup.rate);
  slider.value = String(placeOf(setup.rate));
  moved(setup.rate);
})();
