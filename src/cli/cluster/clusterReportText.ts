/** The doctor's report of a server for rollouts, as text. What others wrote is made printable. */
import { printable } from '../../formats/error.ts';
import { columns } from '../columns.ts';
import type { Advice, ClusterReport, FoundWorker, IdentityReport, ServerReport } from './examineCluster.ts';

const MIB = 2 ** 20;
const TRAINERS = ['run', 'state', 'takes', 'version', 'class', 'name'];
const WORKERS = ['worker', 'name', 'run', 'class', 'version', 'tokens/s', 'items', 'adapter', 'platform'];

/** Format the report. */
export function clusterReportText(report: ClusterReport): string {
  const { server, identity, trainers, workers, problems, warnings } = report;
  const refusals = workers.flatMap(({ id, refusals: all }) => all.map((refusal) => ({ id, ...refusal })));
  return [
    ...(server ? serverLines(server) : []),
    ...(identity ? [`You       ${identityText(identity)}`] : []),
    ...(server ? [`Trainers  ${trainers.length === 0 ? 'none' : trainers.length}`] : []),
    ...table(
      TRAINERS,
      trainers.map((each) => [each.run, each.state, each.mode, each.version, each.class, each.name]),
    ),
    ...(server ? [`Workers   ${workers.length === 0 ? 'none' : workers.length}`] : []),
    ...table(WORKERS, workers.map(workerRow)),
    ...refusals.map(
      ({ id, run, reason, problem, fix }) => `Refused   ${id} by ${run} (${reason}): ${problem} — ${fix}`,
    ),
    ...problems.map((each) => `Problem   ${adviceText(each)}`),
    ...warnings.map((each) => `Warning   ${adviceText(each)}`),
  ]
    .map(printable)
    .join('\n');
}

function serverLines({
  url,
  version,
  isEncrypted,
  latency,
  maxPayload,
  hasJetStream,
  storage,
}: ServerReport) {
  const encrypted = isEncrypted ? 'encrypted' : 'not encrypted';
  const most = storage && (storage.most < 0 ? 'no limit' : `${Math.round(storage.most / MIB)} MiB`);
  const streams = storage ? `streams of ${Math.ceil(storage.used / MIB)} MiB (most: ${most})` : 'streams';
  return [
    `Server    nats-server ${version} at ${url}, ${encrypted}, ${latency.toFixed(1)} ms away`,
    `          messages of up to ${maxPayload} bytes; ${hasJetStream ? `JetStream, ${streams}` : 'no JetStream'}`,
  ];
}

function identityText({ credentials, roles }: IdentityReport): string {
  if (credentials === null) return 'anybody: the server asks for no credentials';
  const { name, key, expires } = credentials;
  const work = { trainer: 'train', doctor: 'look', worker: 'sample' } as const;
  const may =
    roles.length === 0 ? 'may do no work here' : `may ${roles.map((role) => work[role]).join(', ')}`;
  return `${name} (${key}), ${may}, ${expires === null ? 'for ever' : `until ${expires}`}`;
}

const workerRow = (worker: FoundWorker): string[] => [
  worker.id,
  worker.name,
  worker.answers === false ? 'silent' : (worker.run ?? 'none'),
  worker.class,
  worker.version,
  worker.tokensPerSecond.toFixed(0),
  String(worker.items),
  worker.adapter,
  worker.platform,
];

/** Most characters of a cell: another machine chose them. */
const CELL = 60;

function table(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return [];
  const shown = rows.map((row) => row.map((cell) => printable(cell).slice(0, CELL)));
  return columns([header, ...shown], header.length).map((line) => `  ${line}`);
}

const adviceText = ({ problem, fix }: Advice): string => `${problem} — ${fix}`;
