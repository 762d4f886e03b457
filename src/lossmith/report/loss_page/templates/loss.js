/* The page of a loss: sliders, axis, zoom and cursor move; pictures, tables and the best constant follow.
`lossmithPage(data)` takes what `html.py` writes: losses with their programs, sliders, views and marks. */
var lossmithPage = (data) => {
  "use strict";

  const { draw, rangeOf, short } = lossmithChart, { grid, curves, places, jumps, between, peak, least, reading, deadOf, NO_BOUND } = lossmithMeasure, { bestOf } = lossmithBest;
  const PICTURES = ["loss", "gradient", "curvature"];
  const TITLES = { loss: "Loss", gradient: "Gradient (first derivative)", curvature: "Curvature (second derivative)" };
  const NAMES = { loss: "the loss jumps", gradient: "corner", curvature: "curvature jumps" };
  const all = (root, selector) => Array.from(root.querySelectorAll(selector));
  const { parts, comparison } = data;
  const values = parts.map((part) => ({ ...part.program.parameters }));
  const moved = parts.map(() => false);
  const cells = (row, texts) => row.forEach((cell, i) => { cell.textContent = texts[i]; });

  // Parameters ------------------------------------------------------------------------------------------------------

  const STEPS = 1000;

  function toPlace({ log, low, first, last }, value) {
    const share = log ? Math.log((value - low) / (first - low)) / Math.log((last - low) / (first - low)) : (value - first) / (last - first);
    return Math.round(STEPS * Math.min(Math.max(share, 0), 1));
  }

  function fromPlace({ log, low, first, last, integer }, place) {
    const share = place / STEPS;
    if (place <= 0 || place >= STEPS) return place <= 0 ? first : last;
    const value = log ? low + (first - low) * ((last - low) / (first - low)) ** share : first + (last - first) * share;
    return integer ? Math.round(value) : Number(value.toPrecision(3));
  }

  function allowed({ low, high, lowOpen, highOpen, integer }, x) {
    return (lowOpen ? x > low : x >= low) && (highOpen ? x < high : x <= high) && (!integer || Number.isInteger(x));
  }

  /** One slider: a range in steps, and a number that may be any of the domain. */
  function slider(box) {
    const j = Number(box.dataset.part), spec = parts[j].sliders[Number(box.dataset.slider)];
    const [range, number] = all(box, "input"), fault = box.querySelector(".fault");
    const show = (value, typed) => {
      range.value = toPlace(spec, value);
      range.setAttribute("aria-valuetext", short(value));
      if (!typed) number.value = value;
      number.setAttribute("aria-invalid", "false");
      fault.textContent = "";
    };
    const set = (value, typed) => {
      values[j][spec.name] = value;
      moved[j] = parts[j].sliders.some(({ name, value: start }) => values[j][name] !== start);
      show(value, typed);
      redraw();
    };
    range.addEventListener("input", () => set(fromPlace(spec, Number(range.value)), false));
    number.addEventListener("input", () => {
      const value = number.value.trim() === "" ? NaN : Number(number.value);
      if (allowed(spec, value)) return set(value, true);
      number.setAttribute("aria-invalid", "true");
      fault.textContent = `${spec.name} must be ${spec.words}.`;
      return undefined;
    });
    box.addEventListener("reset-value", () => set(spec.value, false));
    show(spec.value, false);
  }

  // Text that follows ---------------------------------------------------------------------------------------------

  const filled = (template, j) => template.map(([text, name]) => text + (name ? String(values[j][name]) : "")).join("");
  const given = new Map(all(document, "[data-code], [data-same] code, [data-command]").map((code) => [code, code.textContent]));
  const place = (text) => text.split("-").map(Number);

  /** Code, names in other libraries and the command, for the values that the sliders have. */
  function followed() {
    for (const code of all(document, "[data-code]")) {
      const [j, i] = place(code.dataset.code);
      code.textContent = moved[j] ? filled(parts[j].code[i], j) : given.get(code);
    }
    for (const row of all(document, "[data-same]")) {
      const [j, i] = place(row.dataset.same), { template, when, unless } = parts[j].names[i], code = row.querySelector("code");
      const is = ([name, value]) => values[j][name] === value;
      row.dataset.first = row.dataset.first || String(!row.hidden);
      row.hidden = moved[j] ? !template.length || !when.every(is) || unless.some(is) : row.dataset.first !== "true";
      code.textContent = moved[j] && template.length ? filled(template, j) : given.get(code);
    }
    for (const note of all(document, "[data-no-name]")) {
      note.hidden = all(document, `[data-same^="${note.dataset.noName}-"]`).some((row) => !row.hidden);
    }
    const command = document.querySelector("[data-command]"), sets = Object.entries(Object.assign({}, ...values));
    const clash = sets.some(([name, value]) => values.some((own) => name in own && own[name] !== value)); // a command says one value
    if (command) command.textContent = clash || !moved.some(Boolean) ? given.get(command) : given.get(command).replace(/ --set \S+/g, "")
      .replace(/( --target \S+| --link \S+)* --open$/, (tail) => sets.map(([name, value]) => ` --set ${name}=${value}`).join("") + tail);
  }

  // What a view shows -----------------------------------------------------------------------------------------------

  /** The lines of a view: of one loss its scenes, of several losses one scene of each. */
  function linesOf(state) {
    if (!comparison) return parts[0].views[state.v].scenes.map((scene) => ({ j: 0, scene, label: scene.label }));
    return parts.map((part, j) => ({ j, scene: part.views[state.v].scenes[state.target], label: part.label }));
  }

  function measured({ j, scene }, x) {
    try {
      return curves(parts[j].program, parts[j].joint, scene, x, values[j]);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error; // a raw prediction that the loss does not take
      const none = x.map(() => NaN);
      return { x, loss: none, gradient: none, curvature: none, predicted: none };
    }
  }

  /** A curve with places beside each jump, and a gap where it jumps itself. */
  function parted(state, line, seen) {
    const beside = seen.flatMap(({ at }) => [at - 1e-9 * Math.max(1, Math.abs(at)), at, at + 1e-9 * Math.max(1, Math.abs(at))]);
    const [low, high] = state.window;
    const x = Float64Array.from([...grid(state.window, parts[line.j].joint), ...beside.filter((v) => v > low && v < high)]).sort();
    const found = measured(line, x);
    const level = { loss: 0, gradient: 1, curvature: 2 };
    const reach = (what, v) => (parts[line.j].joint && what === "curvature" ? 2e-4 * Math.max(1, Math.abs(v)) : 0); // of a difference
    const gapped = (what) => Float64Array.from(found[what], (v, i) =>
      seen.some((jump) => Math.abs(jump.at - x[i]) <= reach(what, x[i]) && level[jump.what] <= level[what]) ? NaN : v);
    return { ...found, shown: Object.fromEntries(PICTURES.map((what) => [what, gapped(what)])) };
  }

  function branches({ j, scene }, x) {
    try {
      return places(parts[j].surfaces, scene, x, values[j]);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return [];
    }
  }

  /** Everything of one line that follows from parameters, window and axis. */
  function refreshed(state, line) {
    const { joint } = parts[line.j], x = grid(state.window, joint), plain = measured(line, x), measure = (at) => measured(line, at);
    const corners = branches(line, x), seen = jumps(measure, plain, joint, corners);
    const found = seen.length ? parted(state, line, seen) : { ...plain, shown: plain };
    const endless = (joint ? PICTURES.slice(0, 2) : PICTURES).filter((what) => peak(measure, plain, what)?.endless);
    const told = (at) => short(along(state, line, at));
    return { ...line, found, seen, endless, dead: deadOf(found), cells: reading(measure, between(measure, plain, seen), seen, least(measure, plain, corners), told) };
  }

  const overError = (state) => parts[0].views[state.v].xLabel.startsWith("error"); // a constant is no error

  function marksOf(state) {
    const found = [], put = (at, label, on = "") => {
      const same = found.find((mark) => mark.on === on && Math.abs(mark.at - at) <= 1e-6 * Math.max(1, Math.abs(at)));
      if (!same) found.push({ at, on, labels: [label] });
      else if (!same.labels.includes(label)) same.labels.push(label);
    };
    for (const { seen } of state.lines) for (const { at, what, endless } of seen) put(at, (endless ? NO_BOUND : NAMES)[what]);
    parts.forEach((part, j) => {
      if (state.best && state.best[j] !== null && !overError(state)) put(state.best[j], comparison ? `best for ${part.label}` : `best constant of ${part.best.sample}`);
      const scenes = state.lines.filter((line) => line.j === j).map(({ scene }) => scene.label);
      if (!moved[j]) for (const { at, label, on, scene, format } of part.views[state.v].limits) {
        if (state.format && format !== state.format) continue;
        if (scenes.includes(scene)) put(at, comparison ? `${part.label}: ${label}` : scenes.length > 1 ? `${label}, ${scene}` : label, on);
      }
    });
    return found.map(({ at, on, labels }) => ({ at, on, label: labels.join(", ") }));
  }

  // Drawing ---------------------------------------------------------------------------------------------------------

  const along = (state, line, x) => (state.predicted ? measured(line, Float64Array.of(x)).predicted[0] : x);

  function drawn(state, figure) {
    const what = figure.dataset.picture, view = parts[0].views[state.v], first = state.lines[0];
    const lines = state.lines.map((line, look) => ({
      look, x: state.predicted ? line.found.predicted : line.found.x, y: line.found.shown[what], dead: line.dead,
      at: [state.predicted ? line.now.predicted[0] : state.cursor, line.now[what][0]],
    }));
    const xs = lines.flatMap(({ x }) => Array.from(x)).filter(Number.isFinite);
    const xRange = state.predicted && xs.length ? [Math.min(...xs), Math.max(...xs)] : state.window;
    const marks = marksOf(state).filter(({ on }) => !on || on === what)
      .map(({ at, label, on }) => ({ at: along(state, first, at), label: on || what === "loss" ? label : "" }));
    draw(figure, {
      id: `${state.v}-${what}`, title: TITLES[what], lines, marks, xRange,
      xLabel: what === "curvature" ? (state.predicted ? view.predicted : view.xLabel) : "",
      yRange: rangeOf(lines.flatMap(({ y }) => Array.from(y)), what !== "loss", state.lines.some(({ endless }) => endless.includes(what))),
      cursor: along(state, first, state.cursor), shade: what === "curvature", broad: what === "gradient",
      alternative: state.lines.map(({ label, cells: c }) => `${label}: least loss ${c[0]}, steepest gradient ${c[1]}, curvature below 0 ${c[3]}.`).join(" "),
    });
  }

  function readOut(state) {
    state.lines.forEach((line) => { line.now = measured(line, Float64Array.of(state.cursor)); });
    state.lines.forEach((line, i) => {
      const row = all(state.rows[i], "td"), texts = [...PICTURES, "predicted"].map((what) => short(line.now[what][0], 6));
      cells(row, texts.slice(0, row.length));
    });
  }

  function showBest(state) {
    if (state.v > 0 || data.bestIsMade) return;
    all(document, "[data-best-line]").forEach((line) => {
      const j = Number(line.dataset.bestLine), at = state.best[j], none = line.querySelector("[data-best-none]");
      none.dataset.said = none.dataset.said || none.textContent;
      none.textContent = moved[j] ? `there is none: ${state.said[j].why}.` : none.dataset.said;
      none.hidden = at !== null;
      all(line, "[data-off]").forEach((note) => { note.hidden = moved[j]; });
      line.querySelector("[data-best-is]").hidden = at === null;
      if (at === null) return;
      line.querySelector("[data-best]").textContent = short(at, 6);
      const second = line.querySelector("[data-best-predicted]");
      if (second) second.textContent = short(parts[j].program.predict(Float64Array.of(at), { parameters: values[j] })[0], 6);
    });
  }

  const pictures = (state) => all(state.root, "figure[data-picture]").forEach((figure) => drawn(state, figure));

  function refresh(state) {
    state.lines = linesOf(state).map((line) => refreshed(state, line));
    state.said = data.bestIsMade ? parts.map(() => ({ at: null, why: "" })) : parts.map((part, j) => !moved[j] ? { at: part.best.raw[0] ?? null, why: "" } :
      bestOf(part.program, part.best, part.views[0].scenes[0], part.views[0].bounds, values[j]));
    state.best = state.said.map(({ at }) => at);
    all(state.root, ".reading tbody tr").forEach((row, i) => cells(all(row, "td"), state.lines[i].cells));
    all(document, "[data-stale]").forEach((note) => { note.hidden = !moved.some(Boolean); });
    readOut(state);
    pictures(state);
    showBest(state);
  }

  let waiting = false;
  function redraw() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; states.forEach(refresh); followed(); });
  }

  // Axis, zoom and cursor -------------------------------------------------------------------------------------------

  function setWindow(state, low, high) {
    const [least, most] = parts[0].views[state.v].bounds, edge = 1e-4 * (high - low);
    state.window = [Number.isFinite(least) ? Math.max(low, least + edge) : low, Number.isFinite(most) ? Math.min(high, most - edge) : high];
    setCursor(state, Math.min(Math.max(state.cursor, state.window[0]), state.window[1]), false);
    const [start, end] = state.home;
    state.zoom.value = Math.log2((end - start) / (state.window[1] - state.window[0]));
    state.zoom.setAttribute("aria-valuetext", `from ${short(state.window[0])} to ${short(state.window[1])}`);
    refresh(state);
  }

  const shownAt = (state, x) => (state.predicted ? along(state, linesOf(state)[0], x) : x);

  /** The raw prediction of this prediction; null where none has it. */
  function rawOf(state, prediction) {
    const at = (v) => shownAt(state, v);
    let [low, high] = state.window;
    for (let k = 0; k < 12 && at(low) > prediction; k++) low -= high - low;
    for (let k = 0; k < 12 && at(high) < prediction; k++) high += high - low;
    if (!(at(low) <= prediction && prediction <= at(high))) return null;
    for (let k = 0; k < 60; k++) {
      const middle = low + (high - low) / 2;
      if (at(middle) < prediction) low = middle;
      else high = middle;
    }
    return high;
  }

  /** Read off where a typed number says, on a wider axis if need be; what is no place there is told. */
  function typed(state) {
    const text = state.place.value.trim(), number = text === "" ? NaN : Number(text), [least, most] = parts[0].views[state.v].bounds;
    const x = Number.isFinite(number) && state.predicted ? rawOf(state, number) : number;
    const sound = x !== null && Number.isFinite(x) && x >= least && x <= most;
    state.place.setAttribute("aria-invalid", String(!sound));
    state.fault.textContent = sound ? "" : !Number.isFinite(number) ? "A number is needed."
      : state.predicted ? "No raw prediction gives this prediction." : `It must lie from ${short(least)} to ${short(most)}.`;
    if (!sound) return;
    const [low, high] = state.window, room = 0.1 * (Math.max(high, x) - Math.min(low, x));
    if (x >= low && x <= high) { setCursor(state, x, true); return; }
    state.cursor = x;
    setWindow(state, x < low ? x - room : low, x > high ? x + room : high);
  }

  function setCursor(state, x, again) {
    const [low, high] = state.window;
    state.cursor = x;
    state.across.value = Math.round((STEPS * (x - low)) / (high - low));
    state.across.setAttribute("aria-valuetext", short(x));
    if (document.activeElement !== state.place) state.place.value = Number(shownAt(state, x).toPrecision(4));
    if (!again) return;
    readOut(state);
    pictures(state);
  }

  /** Over raw predictions, or over predictions: pictures, readings and the number that is typed. */
  function toAxis(state, predicted) {
    state.predicted = predicted;
    state.named.textContent = predicted ? "prediction" : state.named.dataset.word;
    setCursor(state, state.cursor, false);
    refresh(state);
  }

  function zoomTo(state, width) {
    const [low, high] = state.window, ratio = width / (high - low), { cursor } = state;
    setWindow(state, cursor - (cursor - low) * ratio, cursor + (high - cursor) * ratio);
  }

  /** As far out as the plain formula lasts in a format, on each side. */
  function toLimits(state, format) {
    const ends = parts.flatMap((part) => part.views[state.v].limits).filter((limit) => limit.format === format).map(({ at }) => at);
    const low = Math.min(state.home[0], ...ends), high = Math.max(state.home[1], ...ends), room = 0.1 * (high - low);
    [state.cursor] = state.start;
    state.format = format;
    setWindow(state, low - room, high + room);
  }

  const MOVES = {
    left: (state, w) => setWindow(state, state.window[0] - w / 4, state.window[1] - w / 4),
    right: (state, w) => setWindow(state, state.window[0] + w / 4, state.window[1] + w / 4),
    in: (state, w) => zoomTo(state, w / 2),
    out: (state, w) => zoomTo(state, w * 2),
    float32: (state) => toLimits(state, "float32"),
    float64: (state) => toLimits(state, "float64"),
    home: (state) => { [state.cursor] = state.start; state.format = ""; setWindow(state, ...state.home); },
  };

  function pointed(state, event) {
    const svg = event.currentTarget.querySelector("svg.live"), line = state.lines[0];
    if (!svg || state.predicted) return;
    const clip = svg.querySelector("clipPath rect"), box = svg.getBoundingClientRect();
    const at = ((event.clientX - box.left) * svg.viewBox.baseVal.width / box.width - clip.x.baseVal.value) / clip.width.baseVal.value;
    if (line && at >= 0 && at <= 1) setCursor(state, state.window[0] + at * (state.window[1] - state.window[0]), true);
  }

  function view(root, v) {
    const home = parts[0].views[v].window, start = [home[0] + 0.7 * (home[1] - home[0])], role = (name) => root.querySelector(`[data-role=${name}]`);
    const state = {
      root, v, home, start, window: home, cursor: start[0], target: data.target, predicted: false, format: "", lines: [], said: [], best: null,
      zoom: role("zoom"), across: role("cursor"), place: role("place"), fault: root.querySelector(".place-fault"), named: role("axis-word"), rows: all(root, ".readout tbody tr"),
    };
    state.zoom.addEventListener("input", () => zoomTo(state, (home[1] - home[0]) / 2 ** Number(state.zoom.value)));
    state.across.addEventListener("input", () => {
      const [low, high] = state.window;
      setCursor(state, low + (high - low) * Number(state.across.value) / STEPS, true);
    });
    state.place.addEventListener("input", () => typed(state));
    all(root, "[data-move]").forEach((button) => button.addEventListener("click", () => MOVES[button.dataset.move](state, state.window[1] - state.window[0])));
    all(root, "[data-axis]").forEach((input) => input.addEventListener("change", () => toAxis(state, input.dataset.axis === "prediction")));
    all(root, "[data-target]").forEach((input) => input.addEventListener("change", () => { state.target = Number(input.dataset.target); refresh(state); }));
    all(root, "figure[data-picture]").forEach((figure) => {
      figure.addEventListener("pointermove", (event) => pointed(state, event));
      figure.addEventListener("pointerdown", (event) => pointed(state, event));
    });
    return state;
  }

  const states = all(document, ".view").map(view);
  all(document, ".slider").forEach(slider);
  all(document, "[data-reset]").forEach((button) => button.addEventListener("click", () =>
    all(document, ".slider").forEach((box) => box.dispatchEvent(new Event("reset-value")))));
  document.documentElement.classList.add("scripted");
  states.forEach((state) => setWindow(state, ...state.home));
  let width = window.innerWidth;
  window.addEventListener("resize", () => { if (window.innerWidth !== width) { width = window.innerWidth; states.forEach(pictures); } });
  return { parts, states, values };
};
