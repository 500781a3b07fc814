/** The worker of the service, which hangs when the drill says so. */
import './failing-receive.ts';

// Only now, wherever a bundler puts the two.
await import('../../service/worker.ts');
