(() => {
  "use strict";
  const data = JSON.parse(document.getElementById("steps").textContent);
  const slider = document.getElementById("step");
  const names = ["slope", "first", "second", "actual", "stable"];
  const show = (id, value) => { document.getElementById(id).textContent = value; };
  const written = (v) => {
    if (v === null || v === undefined) return "–";
    if (v === 0) return "0";
    const size = Math.abs(v);
    const text = size >= 1e7 || size < 1e-4 ? v.toExponential(4).replace(/\.?0+e/, "e") : String(Number(v.toPrecision(6)));
    return text.replace("-", "−").replace("e+", "e");
  };
  const share = (at, ends) => {
    const [low, high, log] = ends;
    return log ? Math.log(at / low) / Math.log(high / low) : (at - low) / (high - low);
  };
  const mover = (id) => {
    const svg = document.querySelector("#" + id + " svg.picture");
    if (!svg) return () => {};
    const [left, top, width, height] = svg.dataset.frame.split(" ").map(Number);
    const ends = (text) => text.split(" ").map((part, i) => (i < 2 ? Number(part) : part));
    const x = ends(svg.dataset.x), y = ends(svg.dataset.y);
    const dot = document.createElementNS("http://www.w3.org/2000/svg", "circle");
    dot.setAttribute("r", "7");
    dot.setAttribute("class", "moving");
    svg.append(dot);
    return (a, b) => {
      const i = share(a, x), j = share(b, y);
      const inside = a !== null && b !== null && i >= -0.01 && i <= 1.01 && j >= -0.01 && j <= 1.01;
      dot.style.display = inside ? "" : "none";
      if (!inside) return;
      dot.setAttribute("cx", left + width * i);
      dot.setAttribute("cy", top + height * (1 - j));
    };
  };
  const surface = mover("surface"), losses = mover("losses");
  const draw = () => {
    const k = Number(slider.value);
    show("at", data.step[k]);
    slider.setAttribute("aria-valuetext", "step " + data.step[k] + ", loss " + written(data.loss[k]));
    show("loss", written(data.loss[k]));
    for (const name of names) show(name, written(data[name][k]));
    const made = k < data.actual.length && data.actual[k] !== null;
    show("error1", written(made ? data.actual[k] - data.first[k] : null));
    show("error2", written(made && data.second[k] !== null ? data.actual[k] - (data.first[k] + data.second[k]) : null));
    surface(data.x[k], data.y[k]);
    losses(data.step[k], data.loss[k]);
  };
  slider.max = String(data.step.length - 1);
  slider.addEventListener("input", draw);
  draw();
})();
