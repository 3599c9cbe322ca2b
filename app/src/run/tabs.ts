/** The pages of a run, each loaded when it is first shown. */
import type { ComponentType } from 'preact';
import { lazy } from '../shell/Lazy.tsx';
import type { RunPage } from '../shell/routes.ts';
import type { RunTabProps } from './tabProps.ts';

/** The pages of a run. */
export const RUN_TABS: Readonly<
  Record<RunPage, { readonly label: string; readonly Page: ComponentType<RunTabProps> }>
> = {
  overview: {
    label: 'Overview',
    Page: lazy(async () => (await import('./overview/OverviewPage.tsx')).OverviewPage),
  },
  groups: {
    label: 'Groups',
    Page: lazy(async () => (await import('./groups/GroupsPage.tsx')).GroupsPage),
  },
  completions: {
    label: 'Completions',
    Page: lazy(async () => (await import('./completions/CompletionsPage.tsx')).CompletionsPage),
  },
  clip: { label: 'Clip', Page: lazy(async () => (await import('./clip/ClipPage.tsx')).ClipPage) },
  heads: { label: 'Heads', Page: lazy(async () => (await import('./heads/HeadsPage.tsx')).HeadsPage) },
  problems: {
    label: 'Problems',
    Page: lazy(async () => (await import('./problems/ProblemsPage.tsx')).ProblemsPage),
  },
  workers: {
    label: 'Workers',
    Page: lazy(async () => (await import('./workers/WorkersPage.tsx')).WorkersPage),
  },
  config: {
    label: 'Config',
    Page: lazy(async () => (await import('./config/ConfigPage.tsx')).ConfigPage),
  },
};
