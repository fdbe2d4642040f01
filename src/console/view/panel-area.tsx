import type { Panel, PanelContext } from "../panel/panel.ts";
import { IconButton } from "./icon.tsx";
import { toggleTools } from "./top/top.tsx";

interface PanelAreaProps {
  readonly context: PanelContext;
  readonly panels: readonly Panel[];
}

/** The tabs, and the open panel. */
export function PanelArea({ context, panels }: PanelAreaProps) {
  const open = panels.find(({ name }) => name === context.openPanel.value) ?? panels[0]!;

  function onKeyDown(event: KeyboardEvent): void {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (step === 0) return;
    event.preventDefault();
    const next = panels[(panels.indexOf(open) + step + panels.length) % panels.length]!;
    context.openPanel.value = next.name;
    document.getElementById(`tab-${next.name}`)?.focus();
  }

  return (
    <section class="panels" aria-label="Tools">
      <div class="tabs">
        <div role="tablist" aria-label="Panels" onKeyDown={onKeyDown}>
          {panels.map(({ name, title, key }) => (
            <button
              key={name}
              type="button"
              role="tab"
              id={`tab-${name}`}
              aria-selected={name === open.name}
              aria-controls="panel"
              tabIndex={name === open.name ? 0 : -1}
              title={`${title} (${key})`}
              onClick={() => {
                context.openPanel.value = name;
              }}
            >
              {title}
            </button>
          ))}
        </div>
        <span class="tab-buttons">
          <IconButton
            icon="wide"
            label="Panels over the whole width"
            shortcut="w"
            id="wide"
            pressed={context.isWide.value}
            onClick={() => {
              context.isWide.value = !context.isWide.value;
            }}
          />
          <IconButton
            icon="close"
            label="Close the tools"
            shortcut="i"
            id="close-tools"
            onClick={() => toggleTools(context)}
          />
        </span>
      </div>
      <div class="panel" id="panel" role="tabpanel" aria-labelledby={`tab-${open.name}`}>
        <open.View key={open.name} />
      </div>
    </section>
  );
}
