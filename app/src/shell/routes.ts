/** The addresses of pages. They stand behind `#`, so that any file server can serve the app. */

/** Pages of one run. */
export const RUN_PAGES = [
  'overview',
  'groups',
  'completions',
  'clip',
  'heads',
  'problems',
  'workers',
  'config',
] as const;
export type RunPage = (typeof RUN_PAGES)[number];

/** Places that runs come from: the server that serves the app, this browser, a dropped directory, an embedded report. */
export const SOURCE_NAMES = ['server', 'tab', 'dropped', 'report'] as const;
export type SourceName = (typeof SOURCE_NAMES)[number];

/** Number of steps in the guide. */
export const LESSONS = 6;

/** A run: its source, and its id in there. */
export interface RunRef {
  readonly source: SourceName;
  readonly id: string;
}

/** Parameters behind `?` that belong to the page, such as the options of a training. */
export type Parameters = Readonly<Record<string, string>>;

export interface LabRoute {
  readonly page: 'lab';
  readonly settings: Parameters;
}

export interface RunsRoute {
  readonly page: 'runs';
  readonly filter: string;
  readonly compare: readonly RunRef[];
  /** Parameters of the comparison, such as the metric that is drawn. */
  readonly view?: Parameters;
}

export interface RunRoute {
  readonly page: 'run';
  readonly run: RunRef;
  readonly tab: RunPage;
  /** The step that is shown; null shows the latest. */
  readonly step: number | null;
  /** Runs that are drawn beside it. */
  readonly compare: readonly RunRef[];
  /** Parameters of the tab, such as the head that is enlarged. */
  readonly view: Parameters;
}

export interface LearnRoute {
  readonly page: 'learn';
  /** 1 … LESSONS. */
  readonly lesson: number;
}

/** This tab works for a training on other machines. */
export interface LendRoute {
  readonly page: 'lend';
  /** Address of a server that is proposed; '' without one. */
  readonly server: string;
}

/** Every component of the design system, in development only. */
export interface GalleryRoute {
  readonly page: 'gallery';
}

export type Route = LabRoute | RunsRoute | RunRoute | LearnRoute | LendRoute | GalleryRoute;

/** Read the part of an address from `#`; undefined if it names no page. */
export function parseRoute(hash: string): Route | undefined {
  const [path = '', query = ''] = split(hash.replace(/^#?\/?/, ''), '?');
  const [page = '', ...rest] = path.split('/');
  const parameters = parseQuery(query);
  switch (page) {
    case 'lab':
      return rest.length > 0 ? undefined : { page, settings: parameters };
    case 'runs': {
      const { filter = '', compare = '', ...view } = parameters;
      return rest.length > 0 ? undefined : { page, filter, compare: parseRefs(compare), view };
    }
    case 'run':
      return parseRun(rest, parameters);
    case 'learn':
      return parseLesson(rest);
    case 'lend':
      return rest.length > 0 ? undefined : { page, server: parameters.server ?? '' };
    case 'gallery':
      return { page };
    default:
      return undefined;
  }
}

function parseRun(path: readonly string[], parameters: Parameters): RunRoute | undefined {
  const [source = '', encoded = '', tab = 'overview', ...more] = path;
  const id = decode(encoded);
  if (!isSource(source) || !id || !isRunPage(tab) || more.length > 0) return undefined;
  const { step = '', compare = '', ...view } = parameters;
  return { page: 'run', run: { source, id }, tab, step: parseStep(step), compare: parseRefs(compare), view };
}

function parseLesson([text = '1', ...more]: readonly string[]): LearnRoute | undefined {
  const lesson = Number(text);
  if (!Number.isInteger(lesson) || lesson < 1 || lesson > LESSONS || more.length > 0) return undefined;
  return { page: 'learn', lesson };
}

/** Return the address of a page, from `#`. */
export function formatRoute(route: Route): string {
  switch (route.page) {
    case 'lab':
      return `#/lab${formatQuery(route.settings)}`;
    case 'runs':
      return `#/runs${formatQuery({ filter: route.filter, compare: formatRefs(route.compare) }, route.view)}`;
    case 'run': {
      const { run, tab, step, compare, view } = route;
      const own = { step: step === null ? '' : String(step), compare: formatRefs(compare) };
      return `#/run/${run.source}/${encodeURIComponent(run.id)}/${tab}${formatQuery(own, view)}`;
    }
    case 'learn':
      return `#/learn/${route.lesson}`;
    case 'lend':
      return `#/lend${formatQuery({ server: route.server })}`;
    case 'gallery':
      return '#/gallery';
    default:
      return route satisfies never;
  }
}

/** Return the route of a page of a run. */
export function runRoute(run: RunRef, tab: RunPage = 'overview', more: Partial<RunRoute> = {}): RunRoute {
  return { page: 'run', step: null, compare: [], view: {}, ...more, run, tab };
}

/** Return whether two references name the same run. */
export const isSameRun = (a: RunRef, b: RunRef): boolean => a.source === b.source && a.id === b.id;

/** Name a run in one string, such as `server/sums/seed1`. */
export const formatRef = ({ source, id }: RunRef): string => `${source}/${id}`;

/** Read what `formatRef` wrote; undefined if it names no run. */
export function parseRef(text: string): RunRef | undefined {
  const [source = '', id = ''] = split(text, '/');
  return isSource(source) && id !== '' ? { source, id } : undefined;
}

// A comma in an id does not end it: within the list it is escaped.
const formatRefs = (refs: readonly RunRef[]): string =>
  refs.map((ref) => formatRef(ref).replace(/[%,]/g, encodeURIComponent)).join(',');

const parseRefs = (text: string): readonly RunRef[] =>
  text.split(',').flatMap((part) => parseRef(decode(part) ?? '') ?? []);

function parseStep(text: string): number | null {
  const step = Number(text);
  return text !== '' && Number.isSafeInteger(step) && step >= 0 ? step : null;
}

const isSource = (name: string): name is SourceName => SOURCE_NAMES.some((source) => source === name);
const isRunPage = (name: string): name is RunPage => RUN_PAGES.some((page) => page === name);

/** Write the parameters that have a value. The page's own never replace those of the route. */
function formatQuery(own: Parameters, others: Parameters = {}): string {
  const parts = Object.entries({ ...others, ...own })
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${readable(name)}=${readable(value)}`);
  return parts.length === 0 ? '' : `?${parts.join('&')}`;
}

function parseQuery(query: string): Parameters {
  const pairs = query.split('&').flatMap((part) => {
    const [name, value] = split(part, '=').map(decode);
    return name && value ? [[name, value] as const] : [];
  });
  return Object.fromEntries(pairs);
}

/** Encode a part of a query; `/`, `,` and `:` may stay, which keeps addresses readable. */
const readable = (text: string): string =>
  encodeURIComponent(text).replace(/%(2F|2C|3A)/g, (escaped) => decodeURIComponent(escaped));

/** Decode a part of an address; undefined if it is damaged. */
function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** Split at the first separator. */
function split(text: string, separator: string): string[] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + separator.length)];
}
