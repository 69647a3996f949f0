"use strict";
// The report's page: tables, plots and pictures of the data that the page holds. Everything that is shown as text goes through textContent.
const data = JSON.parse(document.getElementById("data").textContent);
const $ = id => document.getElementById(id);
const create = (name, text, parent) => {
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = text;
  if (parent) parent.append(element);
  return element;
};
const isNumber = value => typeof value === "number";
const format = value => {
  if (!isNumber(value)) return "-";
  const size = Math.abs(value);
  return size === 0 ? "0" : size >= 100 ? value.toFixed(0) : size >= 1 ? value.toFixed(2) : size >= 0.01 ? value.toFixed(3) : value.toExponential(1);
};
const signed = value => (value >= 0 ? "+" : "") + format(value);
const title = column => column.name + (column.unit ? ` (${column.unit})` : "") + (column.higher === true ? " ↑" : column.higher === false ? " ↓" : "");
const fill = (select, options, chosen) => {
  select.replaceChildren(...options.map(([value, text]) => new Option(text, value)));
  if (chosen !== undefined) select.value = chosen;
};
const currentTable = () => data.tables[Number($("task").value)];

// ---- tables

function sortable(table, headings, rows) {
  table.replaceChildren();
  const head = create("tr", undefined, create("thead", undefined, table));
  const body = create("tbody", undefined, table);
  const draw = ordered => body.replaceChildren(...ordered.map(row => {
    const line = create("tr");
    for (const cell of row) create(cell.bold ? "b" : "span", cell.text, create("td", undefined, line));
    return line;
  }));
  headings.forEach((heading, c) => {
    const th = create("th", undefined, head);
    const button = create("button", heading.text, th);
    button.type = "button";
    button.addEventListener("click", () => {
      // The better end first; a second click turns it round.
      const before = th.getAttribute("aria-sort");
      const descending = before ? before === "ascending" : heading.higher === true;
      for (const other of head.children) other.removeAttribute("aria-sort");
      th.setAttribute("aria-sort", descending ? "descending" : "ascending");
      const missing = row => row[c].value === null || row[c].value === undefined;
      draw([...rows].sort((a, b) => {
        if (missing(a) || missing(b)) return missing(a) - missing(b);
        const order = isNumber(a[c].value) ? a[c].value - b[c].value : String(a[c].value).localeCompare(String(b[c].value));
        return descending ? -order : order;
      }));
    });
  });
  draw(rows);
}

const valueCell = (cell, withError) => ({ value: cell.mean, bold: cell.tied, text: format(cell.mean) + (withError && isNumber(cell.error) ? ` ± ${format(cell.error)}` : "") });

function showResults() {
  const table = currentTable();
  const compared = data.columns.map((_, c) => c).filter(c => table.lines.some(line => line.cells[c].against));
  const headings = [
    { text: "method" },
    ...data.columns.map(column => ({ text: title(column), higher: column.higher })),
    ...compared.map(c => ({ text: `${data.columns[c].name} − ${data.baseline} [95%]`, higher: data.columns[c].higher })),
    { text: "evaluations" }, { text: "seconds" }, { text: "peak MB" },
  ];
  sortable($("results"), headings, table.lines.map(line => [
    { value: line.method, text: line.method },
    ...line.cells.map(cell => valueCell(cell, true)),
    ...compared.map(c => line.cells[c].against).map(d => d ? { value: d.mean, text: `${signed(d.mean)} [${signed(d.low)}, ${signed(d.high)}]` } : { value: null, text: "" }),
    ...[line.evaluations, line.seconds, line.peak].map(value => ({ value, text: format(value) })),
  ]));
  $("warnings").replaceChildren(...data.columns.flatMap((column, c) => {
    const deficit = Math.max(0, ...table.lines.map(line => line.cells[c].deficit || 0));
    return deficit > 0 ? [create("li", `${column.name}: there are too few images for its features, their covariance lacks ${deficit} of its ranks. The values are too large and compare only among equal numbers of images.`)] : [];
  }));
}

function showMatrix() {
  const c = Number($("metric").value);
  const methods = [...new Set(data.tables.flatMap(table => table.lines.map(line => line.method)))];
  sortable($("matrix"), [{ text: "method" }, ...data.tables.map(table => ({ text: table.task, higher: data.columns[c].higher }))], methods.map(method => [
    { value: method, text: method },
    ...data.tables.map(table => table.lines.find(line => line.method === method)).map(line => line ? valueCell(line.cells[c], false) : { value: null, text: "" }),
  ]));
}

// ---- plots

const colours = ["#2a78d0", "#d9582b", "#2f9e62", "#a24bc0", "#c79a12", "#15a3b5", "#d23f77", "#6b7a2c", "#7a5a44", "#5b5fd6"];
const points = ["circle", "triangle", "rect", "rectRot", "star", "cross"];
const plots = {};

// Methods whose names differ in a number at the end (SSD-30, SSD-100) are one line; others are points of their own.
function series(lines, point) {
  const groups = new Map();
  for (const line of lines) {
    const name = line.method.replace(/[-\s]\d+$/, "");
    if (!groups.has(name)) groups.set(name, []);
    const at = point(line);
    if (isNumber(at.x) && isNumber(at.y)) groups.get(name).push({ ...at, method: line.method, error: at.error });
  }
  return [...groups].filter(([, of]) => of.length > 0).map(([label, of], i) => {
    const colour = colours[i % colours.length];
    return { label, data: of.sort((a, b) => a.x - b.x), showLine: of.length > 1, borderColor: colour, backgroundColor: colour, borderWidth: 1.5, pointStyle: points[Math.floor(i / colours.length) % points.length], pointRadius: 5, pointHoverRadius: 7 };
  });
}

function plot(id, x, y, logarithmic, datasets) {
  plots[id]?.destroy();
  const text = getComputedStyle(document.body).color;
  const axis = (name, type) => ({ type, title: { display: true, text: name, color: text }, ticks: { color: text }, grid: { color: "#8883" } });
  plots[id] = new Chart($(id), {
    type: "scatter",
    data: { datasets },
    options: {
      animation: false,
      maintainAspectRatio: false,
      scales: { x: axis(x, logarithmic ? "logarithmic" : "linear"), y: axis(y, "linear") },
      plugins: {
        legend: { position: "bottom", labels: { color: text, usePointStyle: true, boxHeight: 7 } },
        tooltip: { callbacks: { label: item => `${item.raw.method}: ${format(item.raw.x)}, ${format(item.raw.y)}${isNumber(item.raw.error) ? ` ± ${format(item.raw.error)}` : ""}` } },
      },
    },
  });
}

function showPlots() {
  const table = currentTable();
  const c = Number($("quality").value);
  const at = (line, x) => ({ x, y: line.cells[c].mean, error: line.cells[c].error });
  // A logarithmic axis has no zero: methods that ask no network stand at half an evaluation.
  plot("by-evaluations", "evaluations", title(data.columns[c]), true, series(table.lines, line => at(line, Math.max(0.5, line.evaluations))));
  plot("by-seconds", "seconds", title(data.columns[c]), true, series(table.lines, line => at(line, Math.max(1e-4, line.seconds))));
  const [perception, distortion] = [Number($("perception").value), Number($("distortion").value)];
  $("plane").hidden = !data.columns.some(column => column.perceptual);
  if (!$("plane").hidden) plot("by-distortion", title(data.columns[distortion]), title(data.columns[perception]), false, series(table.lines, line => ({ x: line.cells[distortion].mean, y: line.cells[perception].mean, error: line.cells[perception].error })));
}

// ---- pictures

let sources;
const source = picture => {
  sources ??= JSON.parse($("images").textContent);
  return sources[picture.source];
};
const watcher = new IntersectionObserver(entries => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    watcher.unobserve(entry.target);
    entry.target.src = source(entry.target.picture);
  }
}, { rootMargin: "600px" });

function showPictures() {
  const table = currentTable();
  const of = data.pictures.filter(one => one.task === table.task);
  $("pictures").hidden = of.length === 0;
  const hasDeviations = of.some(one => one.methods.some(method => method.deviation));
  $("with-deviations").hidden = !hasDeviations;
  $("picture-note").textContent = `Differences to the original are ${data.differenceScale} times as bright as they are${hasDeviations ? `, standard deviations over the samples ${data.deviationScale} times` : ""}. A click enlarges a picture beside another.`;
  const methods = [...new Set(of.flatMap(one => one.methods.map(method => method.name)))];
  const grid = $("grid");
  grid.replaceChildren();
  grid.style.gridTemplateColumns = `repeat(${methods.length + 2}, max-content)`;
  for (const text of ["original", "measurement", ...methods]) create("div", text, grid).className = "head";
  for (const one of of) {
    create("div", one.image, grid).className = "name";
    const find = name => one.methods.find(method => method.name === name);
    cell(grid, one, one.original, "original");
    cell(grid, one, one.measurement, "measurement");
    for (const name of methods) cell(grid, one, find(name)?.restored, name);
    for (const kind of ["difference", "deviation"]) {
      if (!$(kind + "s").checked || !one.methods.some(method => method[kind])) continue;
      create("div", "", grid);
      create("div", kind === "difference" ? "difference" : "standard deviation", grid).className = "note";
      for (const name of methods) cell(grid, one, find(name)?.[kind], `${name}, ${kind}`);
    }
  }
}

function cell(grid, one, picture, label) {
  if (!picture) return void create("div", "", grid);
  const button = create("button", undefined, grid);
  button.type = "button";
  button.className = "cell";
  button.title = `${label}: enlarge`;
  button.style.aspectRatio = `${picture.width} / ${picture.height}`;
  const image = create("img", undefined, button);
  image.alt = `${label}, ${one.image}`;
  if (picture.width < 128) image.className = "small";
  image.picture = picture;
  watcher.observe(image);
  button.addEventListener("click", () => openViewer(one, label));
}

// ---- the viewer: two pictures, a slider between them, zoom and pan

const view = { pictures: new Map(), scale: 1, x: 0, y: 0, width: 1, height: 1 };

function openViewer(one, label) {
  view.pictures = new Map([["original", one.original], ["measurement", one.measurement]]);
  for (const method of one.methods) {
    view.pictures.set(method.name, method.restored);
    if (method.difference) view.pictures.set(`${method.name}, difference`, method.difference);
    if (method.deviation) view.pictures.set(`${method.name}, deviation`, method.deviation);
  }
  for (const [name, picture] of view.pictures) if (!picture) view.pictures.delete(name);
  const names = [...view.pictures.keys()].map(name => [name, name]);
  fill($("left"), names, view.pictures.has("original") && label !== "original" ? "original" : names[Math.min(1, names.length - 1)][0]);
  fill($("right"), names, label);
  const shown = view.pictures.get("original") ?? view.pictures.get(label);
  [view.width, view.height] = [shown.width, shown.height];
  $("viewer").showModal();
  showLayers();
  fit();
  slide(50);
}

function showLayers() {
  $("below").src = source(view.pictures.get($("right").value));
  $("above").src = source(view.pictures.get($("left").value));
}

function place() {
  const layers = $("layers");
  layers.style.width = `${view.width}px`;
  layers.style.height = `${view.height}px`;
  layers.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.scale})`;
  layers.classList.toggle("magnified", view.scale >= 2);
  $("zoom").value = `${Math.round(view.scale * 100)}%`;
  slide(Number($("slider").value));
}

function fit() {
  const stage = $("stage");
  view.scale = Math.min(stage.clientWidth / view.width, stage.clientHeight / view.height) * 0.96;
  view.x = (stage.clientWidth - view.width * view.scale) / 2;
  view.y = (stage.clientHeight - view.height * view.scale) / 2;
  place();
}

function zoom(factor, x = $("stage").clientWidth / 2, y = $("stage").clientHeight / 2) {
  const scale = Math.min(64, Math.max(0.05, view.scale * factor));
  view.x = x - (x - view.x) * scale / view.scale;
  view.y = y - (y - view.y) * scale / view.scale;
  view.scale = scale;
  place();
}

// Left of the slider's line lies the left picture. The slider runs over the part of the picture that is on the stage.
function slide(share) {
  $("slider").value = share;
  const stage = $("stage");
  const [from, to] = [Math.max(0, view.x), Math.min(stage.clientWidth, view.x + view.width * view.scale)];
  const line = from + (to - from) * share / 100;
  $("handle").style.left = `${line}px`;
  const cut = Math.min(100, Math.max(0, (line - view.x) / (view.width * view.scale) * 100));
  $("above").style.clipPath = `inset(0 ${100 - cut}% 0 0)`;
}

function drag(element, move) {
  element.addEventListener("pointerdown", down => {
    down.preventDefault();
    down.stopPropagation();
    element.setPointerCapture(down.pointerId);
    let last = down;
    const moved = event => { move(event, event.clientX - last.clientX, event.clientY - last.clientY); last = event; };
    element.addEventListener("pointermove", moved);
    element.addEventListener("pointerup", () => element.removeEventListener("pointermove", moved), { once: true });
  });
}

drag($("stage"), (_, x, y) => { view.x += x; view.y += y; place(); });
drag($("handle"), event => {
  const stage = $("stage").getBoundingClientRect();
  const [from, to] = [Math.max(0, view.x), Math.min(stage.width, view.x + view.width * view.scale)];
  slide(Math.min(100, Math.max(0, (event.clientX - stage.left - from) / Math.max(1, to - from) * 100)));
});
$("stage").addEventListener("wheel", event => {
  event.preventDefault();
  const stage = $("stage").getBoundingClientRect();
  zoom(Math.exp(-event.deltaY / 400), event.clientX - stage.left, event.clientY - stage.top);
}, { passive: false });
$("larger").addEventListener("click", () => zoom(1.5));
$("smaller").addEventListener("click", () => zoom(1 / 1.5));
$("fit").addEventListener("click", fit);
$("close").addEventListener("click", () => $("viewer").close());
$("slider").addEventListener("input", () => slide(Number($("slider").value)));
for (const id of ["left", "right"]) $(id).addEventListener("change", showLayers);
addEventListener("resize", () => { if ($("viewer").open) fit(); });

// ---- start

document.title = data.title;
document.querySelector("h1").textContent = data.title;
$("about").textContent = data.about.replaceAll("`", "");
const numbered = columns => columns.map(column => [data.columns.indexOf(column), column.name]);
const qualities = data.columns.filter(column => column.higher !== null);
fill($("task"), data.tables.map((table, i) => [i, table.task]));
fill($("metric"), numbered(qualities));
fill($("quality"), numbered(qualities));
fill($("perception"), numbered(data.columns.filter(column => column.perceptual)));
fill($("distortion"), numbered(qualities.filter(column => !column.perceptual)));
$("overview").hidden = data.tables.length < 2;
const showTask = () => { showResults(); showPlots(); showPictures(); };
$("task").addEventListener("change", showTask);
$("metric").addEventListener("change", showMatrix);
for (const id of ["quality", "perception", "distortion"]) $(id).addEventListener("change", showPlots);
for (const id of ["differences", "deviations"]) $(id).addEventListener("change", showPictures);
const resize = () => $("grid").style.setProperty("--side", `${$("size").value}px`);
$("size").addEventListener("input", resize);
resize();
if (data.tables.length > 0 && qualities.length > 0) {
  showTask();
  showMatrix();
}
document.documentElement.dataset.ready = Math.round(performance.now());
