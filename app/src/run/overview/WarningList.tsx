/** The warnings of a run, each with its remedy and its step. */
import type { RunData } from '../../data/runData.ts';
import { formatRoute, runRoute } from '../../shell/routes.ts';
import { Badge } from '../../ui/Badge.tsx';
import { Panel } from '../../ui/Panel.tsx';

export function WarningList({ run }: { readonly run: RunData }) {
  const warnings = run.warnings.value;
  if (warnings.length === 0) return null;
  return (
    <Panel
      title="Warnings"
      note="Signs that a training makes no progress. Each is a mark on the curves."
      flush
    >
      <ul class="warnings">
        {warnings.map(({ step, name, problem, fix }) => (
          <li key={`${step} ${name}`}>
            <a href={formatRoute(runRoute(run.ref, 'groups', { step }))}>Step {step.toLocaleString('en')}</a>
            <div>
              <p>
                <Badge tone="warning">{name}</Badge> <span class="sentence">{problem}</span>
              </p>
              <p class="quiet sentence">{fix}</p>
            </div>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
