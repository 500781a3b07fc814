/** The worker of the service, which hangs when the drill says so. */
import './failing-receive.ts';
import '../../service/worker.ts';
