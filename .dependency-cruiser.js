/**
 * `npm run lint` draws the house: every room may import the rooms before it in the list, none after it; nothing goes in
 * circles. Types count.
 *
 * @type {import('dependency-cruiser').IConfiguration}
 */
const ROOMS = [
  'base',
  'gpu',
  'kernels',
  'tensor',
  'tasks',
  'model',
  'formats',
  'cluster',
  'pretrain',
  'grpo',
  'training',
  'runs',
  'dashboard',
  'cli',
];

/** Rooms that know no GPU, although they come after it. */
const WITHOUT_GPU = ['tasks'];
const ENGINE = ['gpu', 'kernels', 'tensor'];

const room = (names) => `^src/(${names.join('|')})/`;

export default {
  forbidden: [
    { name: 'no-circles', severity: 'error', from: {}, to: { circular: true } },
    ...ROOMS.slice(0, -1).map((name, i) => ({
      name: `${name}-knows-no-later-room`,
      severity: 'error',
      // An index is what the package shows of a room: it may show parts of others.
      from: { path: room([name]), pathNot: '/index\\.ts$' },
      to: { path: room(ROOMS.slice(i + 1)) },
    })),
    {
      name: 'no-gpu',
      severity: 'error',
      from: { path: room(WITHOUT_GPU) },
      to: { path: room(ENGINE) },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { extensions: ['.ts', '.js'] },
  },
};
