import { createCharts } from "./charts/charts.tsx";
import { createFaults } from "./faults/faults.tsx";
import type { MakePanel } from "./panel.ts";
import { createRecord } from "./record/record.tsx";
import { createSend } from "./send/send.tsx";
import { createTimeline } from "./timeline/timeline.tsx";

/** The panels in the order of their tabs. A new one is written beside the others and named here. */
export const MAKE_PANELS: readonly MakePanel[] = [
  createTimeline,
  createSend,
  createFaults,
  createRecord,
  createCharts,
];
