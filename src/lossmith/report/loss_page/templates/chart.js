/* Pictures that follow a slider: lines, marks, shades and a cursor come in, one SVG element of a figure goes out.
Classes and colours are those of the pictures that are drawn in Python. */
var lossmithChart = (() => {
  "use strict";

  const WIDE = 560, TALL = 190, LETTER = 12.5, STYLES = 6, FAR = 20;

  /** A number in three significant digits with a true minus; as `short` in reading.py. */
  function short(value, digits = 3) {
    if (Number.isNaN(value)) return "no number";
    if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
    const rounded = Number(value.toPrecision(digits)) + 0, size = Math.abs(rounded);
    return (size === 0 || (size >= 1e-4 && size < 1e7) ? String(rounded) : rounded.toExponential()).replace(/^-/, "−");
  }

  function escaped(text) {
    return String(text).replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);
  }

  /** Round places of an axis, at most about `most`. */
  function ticks([low, high], most) {
    const rough = (high - low) / most, ten = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((s) => s * ten).find((s) => (high - low) / s <= most);
    const found = [];
    for (let k = Math.ceil(low / step - 1e-9); k <= Math.floor(high / step + 1e-9) && found.length < 50; k++) found.push(k * step);
    return found;
  }

  const tickText = (x) => (x === 0 ? "0" : short(x, 6).replace("e+", "e"));

  /** The range of an axis that shows what is not far beyond the rest, of what has no bound always the rest; as `range_of` in pictures.py. */
  function rangeOf(values, withZero, endless) {
    const seen = values.filter(Number.isFinite).sort((a, b) => a - b);
    if (!seen.length) return [0, 1];
    const at = (share) => seen[Math.round(share * (seen.length - 1))];
    let [low, high] = [seen[0], seen[seen.length - 1]];
    const [inner, outer] = [at(0.1), at(0.9)], span = outer - inner;
    const clear = endless || span > 1e-5 * (high - low); // without bound, or not so little that nothing would be seen of the rest
    if (clear && high - outer > 3 * span) high = outer + span;
    if (clear && inner - low > 3 * span) low = inner - span;
    if (withZero || (low > 0 && low < 0.3 * high)) [low, high] = [Math.min(low, 0), Math.max(high, 0)];
    const size = Math.max(Math.abs(low), Math.abs(high));
    if (high - low <= 1e-9 * size || high === low) return [low - (size / 10 || 1), high + (size / 10 || 1)];
    const room = 0.06 * (high - low);
    return [low - room, high + room];
  }

  /** Runs of places at which a line is finite and `holds`. */
  function runs(x, y, holds = () => true) {
    const found = [];
    let run = [];
    for (let i = 0; i <= x.length; i++) {
      if (i < x.length && Number.isFinite(x[i]) && Number.isFinite(y[i]) && holds(i)) run.push(i);
      else if (run.length) { found.push(run); run = []; }
    }
    return found;
  }

  function frameOf(figure, spec) {
    const width = Math.max(280, Math.min(figure.clientWidth || WIDE, 1100)), small = width < 420 ? 12 : LETTER;
    const range = { x: spec.xRange, y: spec.yRange };
    const left = small < LETTER ? 46 : 58, rows = placed(spec, width, left, small);
    const top = 26 + 15 * (rows.length ? 1 + Math.max(...rows.map((row) => row.row)) : 0);
    const right = width - 8, bottom = top + (spec.tall || TALL);
    const share = (v, [low, high]) => Math.min(Math.max((v - low) / (high - low), -FAR), FAR);
    return {
      width, left, right, top, bottom, rows, small, height: bottom + (spec.xLabel ? 40 : 22),
      across: (v) => left + (right - left) * share(v, range.x),
      up: (v) => bottom - (bottom - top) * share(v, range.y),
    };
  }

  /** The names of marks in rows above the frame, so that none lies on another; at most four rows. */
  function placed(spec, width, left, small) {
    const ends = [], [low, high] = spec.xRange, found = [];
    for (const mark of spec.marks.filter((m) => m.label && m.at >= low && m.at <= high).sort((a, b) => a.at - b.at)) {
      const half = mark.label.length * small * 0.27 + 4;
      const middle = left + (width - 8 - left) * (mark.at - low) / (high - low);
      const centre = Math.min(Math.max(middle, half), width - half);
      let row = ends.findIndex((end) => end < centre - half);
      if (row < 0) row = ends.length;
      if (row > 3) continue;
      ends[row] = centre + half;
      found.push({ label: mark.label, centre, row });
    }
    return found;
  }

  const point = (frame, x, y) => `${frame.across(x).toFixed(1)} ${frame.up(y).toFixed(1)}`;
  const path = (d, kind, more = "") => (d ? `<path d="${d}" class="${kind}"${more}/>` : "");
  const text = (words, x, y, kind, anchor = "start") =>
    `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" class="${kind}" text-anchor="${anchor}">${escaped(words)}</text>`;

  function axes(frame, spec) {
    const found = [], [low, high] = spec.xRange;
    let end = -Infinity;
    for (const v of ticks([low, high], Math.max(3, Math.floor((frame.right - frame.left) / 62)))) {
      const at = frame.across(v), half = tickText(v).length * frame.small * 0.3;
      found.push(path(`M${at.toFixed(1)} ${frame.top}V${frame.bottom}`, v === 0 ? "axis" : "grid"));
      if (at - half < end) continue;
      found.push(text(tickText(v), Math.min(at, frame.width - half), frame.bottom + 15, "tick", "middle"));
      end = at + half + 6;
    }
    for (const v of ticks(spec.yRange, 5)) {
      const at = frame.up(v);
      found.push(path(`M${frame.left.toFixed(1)} ${at.toFixed(1)}H${frame.right}`, v === 0 ? "axis zero" : "grid"));
      found.push(text(tickText(v), frame.left - 6, at + 4, "tick", "end"));
    }
    const half = (spec.xLabel || "").length * frame.small * 0.28, middle = (frame.left + frame.right) / 2;
    if (spec.xLabel) found.push(text(spec.xLabel, Math.max(Math.min(middle, frame.width - half), half), frame.bottom + 33, "name", "middle"));
    return found.join("");
  }

  /** Where a line has no finite number: a strip of its colour along the top. */
  function gaps(frame, spec) {
    return spec.lines.flatMap(({ x, y, look }, j) => runs(x, x, (i) => !Number.isFinite(y[i])).filter((run) => run.length > 1).map((run) => {
      const from = frame.across(x[run[0]]), to = frame.across(x[run[run.length - 1]]);
      return `<rect x="${from.toFixed(1)}" y="${frame.top + 7 * j}" width="${(to - from).toFixed(1)}" height="6" class="gap f${(look % STYLES) + 1}"/>`;
    })).join("");
  }

  function course(frame, x, y, run) {
    return "M" + run.map((i) => point(frame, x[i], y[i])).join("L");
  }

  /** A line, with what lies below 0 filled and dead stretches drawn broad. */
  function line(frame, spec, { x, y, look, dead }, j) {
    const style = (look % STYLES) + 1, found = [];
    if (spec.shade) {
      const zero = frame.up(0).toFixed(1);
      for (const run of runs(x, y, (i) => y[i] < 0)) {
        const from = frame.across(x[run[0]]).toFixed(1), to = frame.across(x[run[run.length - 1]]).toFixed(1);
        found.push(path(`${course(frame, x, y, run)}L${to} ${zero}L${from} ${zero}Z`, `shade f${style}`));
      }
    }
    if (spec.broad && dead) {
      found.push(path(runs(x, y, (i) => dead[i]).map((run) => course(frame, x, y, run)).join(""), `broad s${style}`));
    }
    const d = runs(x, y).map((run) => course(frame, x, y, run)).join("");
    return found.join("") + path(d, `curve s${style} d${style}`, ` data-line="${j}"`);
  }

  /** Draw a picture into its figure, in place of what is there. */
  function draw(figure, spec) {
    const frame = frameOf(figure, spec), clip = `clip-${spec.id}`;
    const marks = spec.marks.map((m) => path(`M${frame.across(m.at).toFixed(1)} ${frame.top}V${frame.bottom}`, "mark"));
    const spots = spec.cursor === null ? [] : spec.lines.map(({ at, look }) => at && Number.isFinite(at[1])
      ? `<circle cx="${frame.across(at[0]).toFixed(1)}" cy="${frame.up(at[1]).toFixed(1)}" r="4" class="spot f${(look % STYLES) + 1}"/>` : "");
    const cursor = spec.cursor === null ? "" : path(`M${frame.across(spec.cursor).toFixed(1)} ${frame.top}V${frame.bottom}`, "cursor");
    figure.innerHTML = `<svg class="picture live" role="img" viewBox="0 0 ${frame.width} ${frame.height}" width="${frame.width}" height="${frame.height}">
<title>${escaped(spec.title)}</title><desc>${escaped(spec.alternative || "")}</desc>
<clipPath id="${clip}"><rect x="${frame.left}" y="${frame.top - 2}" width="${frame.right - frame.left}" height="${frame.bottom - frame.top + 4}"/></clipPath>
${text(spec.title, 0, 13, "title")}${frame.rows.map((r) => text(r.label, r.centre, 29 + 15 * r.row, "tick", "middle")).join("")}
${axes(frame, spec)}<g clip-path="url(#${clip})">${gaps(frame, spec)}${marks.join("")}${cursor}
${spec.lines.map((l, j) => line(frame, spec, l, j)).join("")}${spots.join("")}</g></svg>`;
    return frame;
  }

  return { draw, rangeOf, short, runs };
})();
