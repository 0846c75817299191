"""Serves the demo model on the loopback address until it is told to stop. Run as a script; the environment says the rest."""

import os
import signal
import sys

import xllamacpp

NICENESS = 5  # the pages come first where there are few cores
CONTEXT_TOKENS = 4096


def parameters() -> xllamacpp.CommonParams:
    params = xllamacpp.CommonParams()
    params.model.path = os.environ["OLLIVE_MODEL_FILE"]
    params.model_alias = {"smollm2-135m-instruct"}
    params.hostnames = ["127.0.0.1"]
    params.port = int(os.environ["OLLIVE_MODEL_PORT"])
    params.api_keys = [os.environ["OLLIVE_MODEL_KEY"]]
    params.n_ctx = CONTEXT_TOKENS
    params.n_parallel = 2
    params.kv_unified = True
    params.cache_ram_mib = 0  # its default keeps up to 8 GB of old prompts
    params.cpuparams.n_threads = 1
    params.cpuparams.poll = 0  # or it spins while it waits
    params.cpuparams_batch.n_threads = min(os.cpu_count() or 1, 4)  # reading a long prompt takes most of the time
    params.cpuparams_batch.poll = 0
    params.ui = False
    params.offline = True
    params.verbosity = 1
    return params


def main() -> None:
    os.nice(NICENESS)
    stops = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, stops)  # before the server's threads are there, so that they inherit it
    server = xllamacpp.Server(parameters())
    print(f"listening on {server.listening_address}", flush=True)
    signal.sigwait(stops)
    # Its threads would finish the answers that nobody waits for any more.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
