/** The Lab: trains in this tab. */
import { signal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { navigate } from '../shell/navigation.ts';
import { PageTitle } from '../shell/PageTitle.tsx';
import type { LabRoute } from '../shell/routes.ts';
import { Notice } from '../ui/Notice.tsx';
import { Answers } from './Answers.tsx';
import { Completions } from './Completions.tsx';
import { Controls } from './Controls.tsx';
import { Curves } from './Curves.tsx';
import { Keep } from './Keep.tsx';
import { lab } from './labRun.ts';
import './lab.css';
import { AdapterNote, Messages } from './Messages.tsx';
import { OptionsPanel } from './OptionsPanel.tsx';
import { Presets } from './Presets.tsx';
import { parametersOf, type Settings, settingsFrom } from './settings.ts';

/** Texts in fields that are no values yet, by field. */
const drafts = signal<Readonly<Record<string, string>>>({});

export function LabPage({ route }: { readonly route: LabRoute }) {
  const { settings, problems } = useMemo(() => settingsFrom(route.settings), [route]);
  const { preset } = settings;
  useEffect(() => {
    if (lab.isIdle.peek()) lab.question.value = preset.question;
    void lab.restore(settings, Object.keys(route.settings).length === 0);
    drafts.value = {};
  }, [preset]);
  const change = (next: Settings): void =>
    navigate({ page: 'lab', settings: parametersOf(next) }, { replace: true });
  return (
    <div class="lab stack">
      <PageTitle title="Lab" />
      <Presets current={preset} />
      {problems.map((problem) => (
        <Notice
          key={problem}
          kind="warning"
          title={`The link has an option that cannot be: ${problem}`}
          fix="The preset’s value is taken."
        />
      ))}
      <Controls settings={settings} drafts={drafts} />
      <Messages />
      <div class="columns">
        <Answers settings={settings} />
        <Curves />
      </div>
      <AdapterNote />
      <Completions />
      <OptionsPanel settings={settings} drafts={drafts} onChange={change} />
      <Keep settings={settings} />
    </div>
  );
}
