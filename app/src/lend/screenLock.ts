/** Keeps the screen on, if the person wants that: a device that sleeps does not work. */
import { signal } from '@preact/signals';

/** A screen lock of the platform (Screen Wake Lock). */
export class ScreenLock {
  /** True if the person wants the screen to stay on. */
  readonly isWanted = signal(false);
  #isHeld = false;
  #lock: WakeLockSentinel | undefined;

  constructor() {
    // The browser takes the lock away from a hidden tab.
    document.addEventListener('visibilitychange', () => void this.#update());
  }

  /** True where the browser can keep the screen on. */
  get isOffered(): boolean {
    return 'wakeLock' in navigator;
  }

  want(isWanted: boolean): void {
    this.isWanted.value = isWanted;
    void this.#update();
  }

  /** Keep the screen on from now on, as far as that is wanted. */
  hold(): void {
    this.#isHeld = true;
    void this.#update();
  }

  release(): void {
    this.#isHeld = false;
    void this.#update();
  }

  async #update(): Promise<void> {
    const isNeeded = this.#isHeld && this.isWanted.peek() && this.isOffered;
    try {
      if (!isNeeded) {
        await this.#lock?.release();
        this.#lock = undefined;
      } else if (document.visibilityState === 'visible' && this.#lock?.released !== false) {
        this.#lock = await navigator.wakeLock.request('screen');
      }
    } catch {
      // Battery saving may forbid it: the screen goes off as usual.
    }
  }
}
