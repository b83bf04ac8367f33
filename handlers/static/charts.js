// Draws the figures that a page names: SVG, described for who hears it, redrawn when the page widens.
"use strict";

const COLOURS = ["#067a3e", "#1257b0", "#b35900", "#b3261e", "#6a4a9c", "#52605a", "#0b7a8a"];

// The legend wraps; how many lines it takes is known only afterwards, so it is estimated.
const legendLines = (figures, width) => {
  let lines = 1, used = 0;
  for (const { name } of figures.series) {
    const wide = 45 + 14 * name.length;
    if (used && used + wide > width) { lines += 1; used = 0; }
    used += wide;
  }
  return lines;
};

const optionOf = (figures, width) => {
  const line = figures.shape === "line";
  return {
    animation: false,
    color: COLOURS,
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, fontSize: 13, color: "#14201a" },
    aria: { enabled: true, label: { description: figures.described } },
    // HTML in a tooltip would bring styles that the security policy forbids.
    tooltip: { trigger: "axis", renderMode: "richText", confine: true },
    legend: { top: 0, textStyle: { fontSize: 13, color: "#14201a" } },
    grid: { left: 8, right: 12, top: 18 + 24 * legendLines(figures, width), bottom: 8, containLabel: true },
    xAxis: { type: "category", data: figures.points, axisLabel: { color: "#52605a", hideOverlap: true } },
    yAxis: { type: "value", minInterval: 1, axisLabel: { color: "#52605a" } },
    series: figures.series.map((one) => ({
      name: one.name, data: one.values, type: line ? "line" : "bar", barMaxWidth: 24,
      symbol: figures.points.length > 40 ? "none" : "circle", symbolSize: 6,
    })),
  };
};

for (const place of document.querySelectorAll("[data-chart]")) {
  fetch(place.dataset.chart, { headers: { "HX-Request": "true" } })
    .then((answer) => (answer.ok ? answer.json() : Promise.reject(new Error(answer.statusText))))
    .then((figures) => {
      const chart = echarts.init(place, null, { renderer: "svg" });
      const draw = () => chart.setOption(optionOf(figures, place.clientWidth));
      draw();
      place.setAttribute("role", "img");
      new ResizeObserver(() => { chart.resize(); draw(); }).observe(place);
    })
    .catch(() => { place.hidden = true; }); // the table has it all
}
