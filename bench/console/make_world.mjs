// Draws the shapes of countries for the console's map: crates/musubi/assets/world.svg and world-pacific.svg.
//
// Source: Natural Earth 1:50m (public domain) as packed by npm world-atlas (packaging ISC). Equal Earth projection, simplified.
//   npm i world-atlas@2.0.2 topojson-client@3.1.0 topojson-simplify@3.0.3 d3-geo@3.1.2 i18n-iso-countries@7.14.0
//   node make_world.mjs OUT.svg OUT.tsv CENTRE THRESHOLD      (CENTRE 11 or 150 degrees east; THRESHOLD 0.08)
// OUT.svg holds one <symbol> a country under its ISO 3166 code. OUT.tsv says where its middle is: code, x, y, `dot` when the area is
// so small that it is drawn as one, and the largest of its boxes: x, y, width, height.
import {createRequire} from "node:module";
import {readFileSync, writeFileSync} from "node:fs";
import {feature} from "topojson-client";
import {presimplify, simplify} from "topojson-simplify";
import {geoEqualEarth, geoPath, geoArea, geoCentroid} from "d3-geo";
const require = createRequire(import.meta.url);
const countries = require("i18n-iso-countries");

const [out, places, centre, threshold] = process.argv.slice(2);
const WIDTH = 1000, HEIGHT = 460;
const topology = JSON.parse(readFileSync(require.resolve("world-atlas/countries-50m.json"), "utf8"));
const LEFT_OUT = new Set(["Antarctica", "Indian Ocean Ter.", "Siachen Glacier"]);
const NAMED = {Kosovo: "XK", Somaliland: "SO", "N. Cyprus": "CY", "Ashmore and Cartier Is.": "AU"};
const code = (shape) => NAMED[shape.properties.name] ?? countries.numericToAlpha2(shape.id);

const wanted = {type: "FeatureCollection", features: feature(topology, topology.objects.countries).features
  .filter((shape) => !LEFT_OUT.has(shape.properties.name))};
const projection = geoEqualEarth().rotate([-Number(centre), 0]).fitExtent([[2, 2], [WIDTH - 2, HEIGHT - 2]], wanted);
const path = geoPath(projection).digits(1);
// The threshold is an area in square degrees.
const weighed = presimplify(unpacked(topology));
const simple = simplify(weighed, Number(threshold));
const shapes = feature(simple, simple.objects.countries).features.filter((shape) => !LEFT_OUT.has(shape.properties.name));

function unpacked(topology) {
  const {scale, translate} = topology.transform;
  const arcs = topology.arcs.map((arc) => {
    let x = 0, y = 0;
    return arc.map(([dx, dy]) => [(x += dx) * scale[0] + translate[0], (y += dy) * scale[1] + translate[1]]);
  });
  return {type: "Topology", objects: topology.objects, arcs};
}

// The same path in steps of tenths, without rings that are nothing any more.
function relative(d) {
  const number = (tenths) => (tenths / 10).toString().replace(/^(-?)0\./, "$1.");
  let text = "";
  for (const ring of d.split("M").slice(1)) {
    const points = ring.replace("Z", "").split("L").map((pair) => pair.split(",").map((part) => Math.round(Number(part) * 10)));
    const steps = [];
    let [x, y] = points[0];
    let area = 0;
    for (const [nx, ny] of points.slice(1)) {
      area += x * ny - nx * y;
      if (nx !== x || ny !== y) { steps.push([nx - x, ny - y]); [x, y] = [nx, ny]; }
    }
    if (steps.length < 2 || Math.abs(area) < 20) { continue; }
    text += `M${number(points[0][0])} ${number(points[0][1])}l` +
      steps.map(([dx, dy]) => `${number(dx)} ${number(dy)}`).join(" ").replace(/ -/g, "-") + "z";
  }
  return text;
}

const all = new Map();
for (const [at, shape] of shapes.entries()) {
  const key = code(shape);
  if (!key) { console.error(`no code for ${shape.properties.name}`); continue; }
  const full = wanted.features[at];
  const entry = all.get(key) ?? {d: "", area: 0, best: null};
  entry.d += path(shape) ?? "";
  const area = geoArea(full);
  entry.area += area;
  // The middle of the largest piece: France is in Europe.
  const pieces = full.geometry.type === "MultiPolygon"
    ? full.geometry.coordinates.map((coordinates) => ({type: "Polygon", coordinates})) : [full.geometry];
  for (const piece of pieces) {
    const size = geoArea(piece);
    if (!entry.best || size > entry.best.size) { entry.best = {size, piece}; }
  }
  all.set(key, entry);
}
let svg = `<svg xmlns="http://www.w3.org/2000/svg">\n`;
let tsv = "";
for (const [key, entry] of [...all].sort()) {
  const [x, y] = projection(geoCentroid(entry.best.piece));
  const [[left, top], [right, bottom]] = path.bounds(entry.best.piece);
  const small = (right - left) * (bottom - top) < 14;
  const d = relative(entry.d);
  if (d) { svg += `<symbol id="${key}" viewBox="0 0 ${WIDTH} ${HEIGHT}"><path d="${d}"/></symbol>\n`; }
  tsv += [key, x.toFixed(1), y.toFixed(1), small || !d ? "dot" : "", d ? "shape" : ""].join("\t") + "\n";
}
writeFileSync(out, svg + "</svg>\n");
writeFileSync(places, tsv);
