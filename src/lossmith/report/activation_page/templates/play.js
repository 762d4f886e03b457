/* The curves, the readings and the shares of an activation's page, computed anew when a slider moves.
   `activations` stands before: {name, parameters, value(x, p), derivative(x, p)} each. */
(() => {
  "use strict";
  const POINTS = 481;
  const SUPER = "⁰¹²³⁴⁵⁶⁷⁸⁹";
  const SVG = "http://www.w3.org/2000/svg";
  const numbers = activations.map((a) => ({ ...a.parameters }));
  const inputs = [...document.querySelectorAll("input[type=range]")];
  const of = (kind) => inputs.filter((input) => input.dataset.kind === kind);

  /** A number with four digits, as the page writes them. */
  function shown(value) {
    if (Number.isNaN(value)) return "not a number";
    if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
    const size = Math.abs(value);
    if (size !== 0 && (size < 1e-4 || size >= 1e7)) {
      const [mantissa, power] = value.toExponential(3).split("e");
      const raised = [...String(Math.abs(Number(power)))].map((d) => SUPER[d]).join("");
      return `${String(Number(mantissa)).replace("-", "−")}×10${Number(power) < 0 ? "⁻" : ""}${raised}`;
    }
    return Number(value.toPrecision(4)).toLocaleString("en", { maximumFractionDigits: 8 }).replace("-", "−");
  }

  /** The frame of a chart: where numbers stand in its picture. */
  function frameOf(svg) {
    const [left, top, width, height] = svg.dataset.frame.split(" ").map(Number);
    const [x0, x1] = svg.dataset.x.split(" ").map(Number), [y0, y1] = svg.dataset.y.split(" ").map(Number);
    const held = (share) => Math.min(Math.max(share, -20), 20);
    return {
      x0, x1,
      across: (x) => left + width * held((x - x0) / (x1 - x0)),
      up: (y) => top + height * (1 - held((y - y0) / (y1 - y0))),
    };
  }

  const charts = [...document.querySelectorAll("[data-curve]")].map((box) => {
    const svg = box.querySelector("svg"), kind = box.dataset.curve, frame = frameOf(svg);
    const lines = activations.map((_, i) => svg.querySelector(`[data-line="${i}"]`));
    const dots = lines.map((line) => {
      const dot = document.createElementNS(SVG, "circle");
      const colour = [...line.classList].find((name) => /^s\d$/.test(name)) || "s1";
      dot.setAttribute("r", "5");
      dot.setAttribute("class", `reading ${colour}`);
      line.after(dot);
      return dot;
    });
    return { kind, frame, lines, dots };
  });

  function course(compute, p, frame) {
    let text = "", pen = false;
    for (let i = 0; i < POINTS; i++) {
      const x = frame.x0 + (frame.x1 - frame.x0) * i / (POINTS - 1), y = compute(x, p);
      if (!Number.isFinite(y)) { pen = false; continue; }
      text += `${pen ? "L" : "M"}${frame.across(x).toFixed(2)} ${frame.up(y).toFixed(2)}`;
      pen = true;
    }
    return text;
  }

  function redraw() {
    for (const { kind, frame, lines } of charts) {
      activations.forEach((a, i) => lines[i].setAttribute("d", course(a[kind], numbers[i], frame)));
    }
  }

  function read() {
    const [probe] = of("probe");
    if (!probe) return;
    const x = Number(probe.value);
    for (const { kind, frame, dots } of charts) {
      activations.forEach((a, i) => {
        dots[i].setAttribute("cx", frame.across(x).toFixed(2));
        dots[i].setAttribute("cy", frame.up(a[kind](x, numbers[i])).toFixed(2));
      });
    }
    const box = document.querySelector(".readings");
    box.replaceChildren(...activations.map((a, i) => {
      const line = document.createElement("p");
      const [value, slope] = [a.value(x, numbers[i]), a.derivative(x, numbers[i])];
      line.textContent = `${a.name} at x = ${shown(x)}: value ${shown(value)}, derivative ${shown(slope)}`;
      return line;
    }));
  }

  function share() {
    const list = document.querySelector(".shares");
    if (!list) return;
    const shift = Number(of("shift")[0].value);
    const row = of("raw").map((input) => Number(input.value) + shift);
    const found = activations[0].value(row, numbers[0]);
    [...list.children].forEach((item, k) => {
      item.querySelector("i").style.width = `${100 * found[k]}%`;
      item.querySelector("output").textContent = shown(found[k]);
    });
    document.getElementById("sum").textContent = shown(found.reduce((a, b) => a + b, 0));
  }

  function moved(input) {
    input.parentElement.querySelector("output").textContent = shown(Number(input.value));
    if (input.dataset.kind === "parameter") {
      numbers[Number(input.dataset.at)][input.dataset.name] = Number(input.value);
      redraw();
    }
    read();
    share();
  }

  for (const input of inputs) input.addEventListener("input", () => moved(input));
  inputs.forEach(moved); // a page that is opened again keeps its sliders
  read();
})();
