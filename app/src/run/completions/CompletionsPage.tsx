/** The page Completions of a run: those that its steps learnt from, token by token, and those of held-out problems. */
import { formatRoute } from '../../shell/routes.ts';
import { Tabs } from '../../ui/Tabs.tsx';
import type { RunTabProps } from '../tabProps.ts';
import './completions.css';
import { HeldOutCompletions } from './HeldOutCompletions.tsx';
import { TracedCompletions } from './TracedCompletions.tsx';

export function CompletionsPage({ run, route }: RunTabProps) {
  const isHeldOut = route.view.of === 'held-out';
  const href = (of: string): string => formatRoute({ ...route, view: { ...route.view, of } });
  return (
    <>
      <Tabs
        label="Completions"
        tabs={[
          { label: 'Of training', href: href(''), current: !isHeldOut },
          { label: 'Of held-out problems', href: href('held-out'), current: isHeldOut },
        ]}
      />
      {isHeldOut ? (
        <HeldOutCompletions run={run} route={route} />
      ) : (
        <TracedCompletions run={run} route={route} />
      )}
    </>
  );
}
