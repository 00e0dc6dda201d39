// The page: figures and the fabric from the data, tables that sort, and everything opened for print.

const data = JSON.parse(document.getElementById("data").textContent);

for (const key of document.querySelectorAll("svg[data-key]")) drawKey(key, data.inks[key.dataset.key]);
const charts = [...document.querySelectorAll("[data-chart]")].map((figure) => new Chart(figure, data.charts[figure.dataset.chart]));
// On a phone one legend serves all figures of a section.
for (const group of document.querySelectorAll(".charts")) {
  const own = charts.filter((chart) => group.contains(chart.host));
  const keys = new Map(own.flatMap((chart) => [...chart.keys]));
  if (keys.size < 2) continue;
  const legend = make("div", { class: "bar legend shared", role: "group", "aria-label": "Schemes shown in all figures" });
  fillLegend(legend, keys, own);
  group.prepend(legend);
}

const fabricView = document.getElementById("fabric-view");
if (fabricView && data.fabric) new FabricView(fabricView, data.fabric, data.inks);

function sortBy(table, column, header) {
  const downward = header.getAttribute("aria-sort") !== "descending" && (header.classList.contains("n") || header.getAttribute("aria-sort") === "ascending");
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", downward ? "descending" : "ascending");
  const body = table.tBodies[0];
  const value = (row) => row.cells[column].dataset.v;
  const compare = (one, other) => {
    const [first, second] = [value(one), value(other)];
    // What has no value stands last, whichever way the rest is sorted.
    if (first === undefined || second === undefined) return (first === undefined) - (second === undefined);
    const order = header.classList.contains("n") ? Number(first) - Number(second) : first.localeCompare(second, "en", { numeric: true });
    return downward ? -order : order;
  };
  body.append(...[...body.rows].sort(compare));
}

for (const table of document.querySelectorAll("table.sortable")) {
  [...table.tHead.rows[0].cells].forEach((header, column) => {
    header.querySelector("button").addEventListener("click", () => sortBy(table, column, header));
  });
}

const PRINT_WIDTH = 340; // two figures beside each other on a page of A4
const opened = [];
addEventListener("beforeprint", () => {
  for (const chart of charts) chart.draw(PRINT_WIDTH);
  for (const details of document.querySelectorAll("section > details:not([open])")) { details.open = true; opened.push(details); }
});
addEventListener("afterprint", () => {
  for (const chart of charts) chart.draw();
  while (opened.length) opened.pop().open = false;
});
