/** Scenarios of chaos. Whatever happens, the run must become what it becomes without workers, and every process must end. */
import { spawnSync } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RandomStream } from '../../src/base/randomStream.ts';
import type { RunTraces } from '../crash/kill.ts';
import { Namespace } from './namespace.ts';
import type { Stage } from './stage.ts';

/** The surroundings of a scenario. */
export interface Setting {
  readonly stage: Stage;
  /** Steps of the training. */
  readonly steps: number;
  /** Times that something is killed or disturbed. */
  readonly kills: number;
  readonly random: RandomStream;
  /** Seconds that a step takes, about. */
  readonly stepSeconds: number;
}

/** A run with a disturbance. */
export interface Scenario {
  readonly about: string;
  /** True if the server has TLS and credentials. */
  readonly isSecure?: boolean;
  /** Returns what the run became; a text if the machine does not allow the scenario. */
  readonly play: (setting: Setting) => Promise<RunTraces | string>;
}

/** Longer than the server waits for an item before it gives it out again. */
const ITEM_WAIT_MS = 7000;
/** Milliseconds that brief credentials last: about as long as processes take to start. */
const BRIEF_MS = 10_000;
/** Seconds within which a trainer begins to train, or notices that another one has taken its run, on a busy machine. */
const NOTICE_SECONDS = 60;

/** An item on its way to a worker. */
const ITEM = { direction: 'toClient', text: /MSG mf\.[\w-]+\.w\.\d/ } as const;
/** A worker's word that an item is done. */
const ACK = { direction: 'toServer', text: /PUB \$JS\.ACK\.\S+ .*\+ACK/s } as const;

/** Kill a worker at a moment of its connection, again and again; another one works on. */
async function killWorkersAt(
  { stage, kills }: Setting,
  moment: typeof ITEM | typeof ACK,
): Promise<RunTraces> {
  const proxy = await stage.way();
  await stage.worker();
  let victim = await stage.worker({ name: 'victim', proxy });
  stage.trainer();
  for (let kill = 1; ; kill++) {
    await stage.strikes(proxy, moment, () => {
      victim.send('SIGKILL');
      return true;
    });
    await victim.ended;
    if (kill === kills) return stage.finishes();
    victim = await stage.worker({ name: 'victim', proxy });
  }
}

/** Disturb a run that workers work for, again and again, and end it undisturbed. */
async function disturbed(
  { stage, kills }: Setting,
  disturb: (workers: Awaited<ReturnType<Stage['worker']>>[]) => Promise<void>,
): Promise<RunTraces> {
  const workers = [await stage.worker(), await stage.worker()];
  stage.trainer();
  await stage.joined(workers);
  for (let kill = 0; kill < kills; kill++) {
    await stage.works();
    await disturb(workers);
  }
  return stage.finishes();
}

export const SCENARIOS = {
  steady: {
    about: 'a trainer and two workers, undisturbed',
    play: async ({ stage }) => {
      await Promise.all([stage.worker(), stage.worker()]);
      stage.trainer();
      await stage.works();
      return stage.finishes();
    },
  },

  alone: {
    about: 'a trainer without workers',
    play: async ({ stage }) => {
      stage.trainer();
      return stage.finishes();
    },
  },

  item: {
    about: 'SIGKILL of a worker that has just been given an item',
    play: (setting) => killWorkersAt(setting, ITEM),
  },

  ack: {
    about: 'SIGKILL of a worker between its result and its acknowledgement',
    play: (setting) => killWorkersAt(setting, ACK),
  },

  trainer: {
    about: 'SIGKILL of the trainer in mid-step, then resume',
    play: async ({ stage, kills }) => {
      const proxy = await stage.way();
      await Promise.all([stage.worker({ proxy }), stage.worker({ proxy })]);
      for (let kill = 0; kill < kills; kill++) {
        const trainer = stage.trainer();
        await stage.strikes(proxy, ITEM, () => {
          trainer.send('SIGKILL');
          return false;
        });
        await trainer.ended;
      }
      stage.trainer();
      return stage.finishes();
    },
  },

  server: {
    about: 'SIGKILL of the server, which starts again with what it stored',
    play: (setting) =>
      disturbed(setting, async () => {
        await setting.stage.server.kill();
        await setting.stage.advances();
        await setting.stage.server.start();
      }),
  },

  emptied: {
    about: 'SIGKILL of the server, which starts again with nothing',
    play: (setting) =>
      disturbed(setting, async () => {
        const { server } = setting.stage;
        await server.kill();
        rmSync(join(server.directory, 'streams'), { recursive: true, force: true });
        await setting.stage.advances();
        await server.start();
      }),
  },

  gone: {
    about: 'SIGKILL of the server, which never comes back',
    play: async ({ stage }) => {
      const worker = await stage.worker();
      const trainer = stage.trainer();
      await stage.works();
      await stage.server.kill();
      await trainer.ended;
      // It would wait for the server for ever.
      worker.send('SIGTERM');
      await worker.ended;
      return stage.finishes();
    },
  },

  swallow: {
    about: 'all bytes vanish, and nobody is told',
    play: (setting) =>
      disturbed(setting, async () => {
        setting.stage.proxy.weather = 'swallow';
        await setting.stage.advances(2);
        setting.stage.proxy.weather = 'pass';
      }),
  },

  late: {
    about: 'all bytes are 50 ms late, and for two steps they wait',
    play: (setting) => {
      setting.stage.proxy.delay = 50;
      return disturbed(setting, async () => {
        setting.stage.proxy.weather = 'hold';
        await setting.stage.advances(2);
        setting.stage.proxy.weather = 'pass';
      });
    },
  },

  cut: {
    about: 'all connections end at once',
    play: (setting) => disturbed(setting, async () => setting.stage.proxy.cut()),
  },

  halfOpen: {
    about: "connections end for one side: the server's, then the clients'",
    play: async (setting) => {
      let gone: 'client' | 'server' = 'client';
      return disturbed(setting, async () => {
        gone = gone === 'client' ? 'server' : 'client';
        for (const link of setting.stage.proxy.links) setting.stage.proxy.halve(link, gone);
      });
    },
  },

  partition: {
    about: 'the cable of a worker is pulled for two steps (ip netns)',
    play: async ({ stage, kills }) => {
      using namespace = Namespace.open();
      if (!namespace) return 'this machine has no ip netns, or does not allow it';
      const proxy = await stage.way(namespace.host);
      await stage.worker({ proxy, launcher: namespace.launcher });
      stage.trainer();
      for (let kill = 0; kill < kills; kill++) {
        await stage.works();
        namespace.isConnected = false;
        await stage.advances(2);
        namespace.isConnected = true;
      }
      // The cable is there until all have ended.
      return await stage.finishes();
    },
  },

  stoppedWorker: {
    about: 'SIGSTOP of a worker for two steps',
    play: (setting) =>
      disturbed(setting, async ([worker]) => {
        worker?.send('SIGSTOP');
        await setting.stage.advances(2);
        worker?.send('SIGCONT');
      }),
  },

  stoppedTrainer: {
    about: 'SIGSTOP of the trainer for longer than items wait',
    play: async ({ stage, kills }) => {
      await Promise.all([stage.worker(), stage.worker()]);
      const trainer = stage.trainer();
      for (let kill = 0; kill < kills; kill++) {
        await stage.works();
        trainer.send('SIGSTOP');
        await sleep(ITEM_WAIT_MS);
        trainer.send('SIGCONT');
      }
      return stage.finishes();
    },
  },

  credentials: {
    about: 'on a server with TLS, the credentials of a worker expire, and those of another one are revoked',
    isSecure: true,
    play: async ({ stage }) => {
      const { secure } = stage;
      if (!secure) throw new Error('this stage has no credentials');
      await secure.add('brief', new Date(Date.now() + BRIEF_MS));
      secure.server.reload();
      const lasting = await stage.worker({ credentials: 'worker-1' });
      const revoked = await stage.worker({ credentials: 'worker-2' });
      const brief = await stage.worker({ credentials: 'brief' });
      stage.trainer();
      await stage.works(2);
      await secure.revoke('worker-2');
      await stage.during('both workers to end', () => !revoked.isAlive && !brief.isAlive);
      for (const { name, output } of [revoked, brief])
        if (!/credentials|expired/.test(output))
          throw new Error(`${name} did not say why it ended:\n${output}`);
      if (!lasting.isAlive) throw new Error(`the worker with good credentials ended:\n${lasting.output}`);
      return stage.finishes();
    },
  },

  superseded: {
    about:
      'SIGSTOP of the trainer; a copy of its run at the same path goes on, and the trainer wakes (unshare)',
    play: async ({ stage }) => {
      await Promise.all([stage.worker(), stage.worker()]);
      const first = stage.trainer({ name: 'first trainer' });
      await stage.works();
      await stage.reaches(2);
      first.send('SIGSTOP');
      const copy = join(stage.directory, 'copy');
      cpSync(stage.out, copy, { recursive: true });
      const mount = [
        'unshare',
        '--mount',
        'sh',
        '-c',
        'mount --bind "$1" "$2" && shift 2 && exec "$@"',
        'sh',
      ];
      if (spawnSync(mount[0] ?? '', [...mount.slice(1), copy, stage.out, 'true']).status !== 0)
        return 'this machine has no unshare, or does not allow it';
      const second = stage.trainer({ launcher: [...mount, copy, stage.out] });
      await second.says(/GRPO \d+/, NOTICE_SECONDS);
      first.send('SIGCONT');
      await first.says(/SUPERSEDED|another process trains/i, NOTICE_SECONDS);
      await first.ended;
      return stage.finishes(copy);
    },
  },

  kills: {
    about: 'SIGKILL of a worker, the trainer and the server in turn, at random moments',
    play: async ({ stage, kills, steps, random, stepSeconds }) => {
      const workers = await Promise.all([stage.worker(), stage.worker()]);
      let trainer = stage.trainer();
      const victims = [
        async (kill: number) => {
          const place = Math.floor(kill / 3) % workers.length;
          await workers[place]?.kill();
          workers[place] = await stage.worker();
        },
        async () => {
          await trainer.kill();
          trainer = stage.trainer();
        },
        async () => {
          await stage.server.kill();
          await stage.server.start();
        },
      ];
      for (let kill = 0; kill < kills; kill++) {
        await stage.reaches(Math.floor((kill * (steps - 1)) / kills));
        await sleep(random.integerBelow(Math.ceil(1000 * stepSeconds)));
        await victims[kill % victims.length]?.(kill);
      }
      return stage.finishes();
    },
  },
} as const satisfies Readonly<Record<string, Scenario>>;

/** The name of a scenario. */
export type ScenarioName = keyof typeof SCENARIOS;
export const SCENARIO_NAMES = Object.keys(SCENARIOS) as [ScenarioName, ...ScenarioName[]];
