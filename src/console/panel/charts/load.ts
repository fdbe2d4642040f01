/** The style sheet of the charts, relative to the page. */
const SHEET = "console/charts.css";

/** The function that draws charts. */
export type Draw = typeof import("./draw.ts")["draw"];

/** Loads the drawing code and its styles. Rejects if that fails; another call tries again. */
export async function loadDraw(): Promise<Draw> {
  const [{ draw }] = await Promise.all([import("./draw.ts"), addSheet()]);
  return draw;
}

function addSheet(): Promise<void> {
  if (document.querySelector(`link[href="${SHEET}"]`) !== null) return Promise.resolve();
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = SHEET;
  return new Promise((resolve, reject) => {
    link.addEventListener("load", () => resolve());
    link.addEventListener("error", () => {
      link.remove();
      reject(new Error(`${SHEET} cannot be read.`));
    });
    document.head.append(link);
  });
}
