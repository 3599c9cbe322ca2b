/** The pages, each loaded when it is first shown. */
import { lazy } from './Lazy.tsx';
import type { LabRoute, LearnRoute, LendRoute, RunRoute, RunsRoute } from './routes.ts';

export const LabPage = lazy<{ readonly route: LabRoute }>(
  async () => (await import('../lab/LabPage.tsx')).LabPage,
);
export const RunsPage = lazy<{ readonly route: RunsRoute }>(
  async () => (await import('../runs/RunsPage.tsx')).RunsPage,
);
export const RunPage = lazy<{ readonly route: RunRoute }>(
  async () => (await import('../run/RunPage.tsx')).RunPage,
);
export const LearnPage = lazy<{ readonly route: LearnRoute }>(
  async () => (await import('../learn/LearnPage.tsx')).LearnPage,
);

export const LendPage = lazy<{ readonly route: LendRoute }>(
  async () => (await import('../lend/LendPage.tsx')).LendPage,
);

/** All components, for development. */
export const GalleryPage = import.meta.env.DEV
  ? lazy<object>(async () => (await import('./GalleryPage.tsx')).GalleryPage)
  : undefined;
