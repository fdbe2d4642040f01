import { createCharts } from "./charts/charts.tsx";
import { createClients } from "./clients/clients.tsx";
import { createFaults } from "./faults/faults.tsx";
import type { PanelFactory } from "./panel.ts";
import { createRecord } from "./record/record.tsx";
import { createSend } from "./send/send.tsx";
import { createTimeline } from "./timeline/timeline.tsx";

/** The panels in the order of their tabs. Add new ones here. */
export const PANEL_FACTORIES: readonly PanelFactory[] = [
  createTimeline,
  createSend,
  createFaults,
  createRecord,
  createCharts,
  createClients,
];
