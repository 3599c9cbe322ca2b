/** The warnings of a run by name, each with its remedy and its steps. */
import { useMemo } from 'preact/hooks';
import type { RunData } from '../../data/runData.ts';
import { formatRoute, runRoute } from '../../shell/routes.ts';
import { Advice } from '../../ui/Advice.tsx';
import { Badge } from '../../ui/Badge.tsx';
import { Panel } from '../../ui/Panel.tsx';
import { type NamedWarnings, warningsByName } from './warningsByName.ts';

export function WarningList({ run }: { readonly run: RunData }) {
  const warnings = run.warnings.value;
  // The run has new rows more often than new warnings.
  return useMemo(() => {
    const named = warningsByName(warnings);
    if (named.length === 0) return null;
    return (
      <Panel
        title="Warnings"
        note="Signs that a training makes no progress. Each is a mark on the curves."
        flush
      >
        <ul class="warnings">
          {named.map((warning) => (
            <Warning key={warning.name} warning={warning} run={run} />
          ))}
        </ul>
      </Panel>
    );
  }, [warnings, run]);
}

interface WarningProps {
  readonly warning: NamedWarnings;
  readonly run: RunData;
}

function Warning({ warning: { name, first, latest, count }, run }: WarningProps) {
  return (
    <li>
      <Badge tone="warning">{name}</Badge>
      <div>
        <p class="sentence">{latest.problem}</p>
        <p class="sentence quiet">
          <Advice text={latest.fix} />
        </p>
      </div>
      <p class="steps">
        <StepLink run={run} step={first.step} />
        {count > 1 && (
          <>
            {' '}
            to <StepLink run={run} step={latest.step} />, {count} times
          </>
        )}
      </p>
    </li>
  );
}

function StepLink({ run, step }: { readonly run: RunData; readonly step: number }) {
  return <a href={formatRoute(runRoute(run.ref, 'groups', { step }))}>step {step.toLocaleString('en')}</a>;
}
