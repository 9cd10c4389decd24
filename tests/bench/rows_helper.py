"""Rows: minio-helper beside the plainest C program that does the same requests, and beside what people
use today. Vault speaks plain HTTP: TLS would cost both sides the same, and hide what is ours."""
import json
import os
import subprocess
import sys
import time

from servers import START_SECONDS, TOP, free_port, run

HELPER = f"{TOP}/build/helper/minio-helper"
PLAIN = f"{TOP}/build/bench/plain_client"
TOOLS = f"{TOP}/build/tools"
PAIRS = 100  # of programs that take a few milliseconds
SLOW_PAIRS = 10  # of those that take a second
LOAD_PAIRS = 10
LOAD_RATE = 1_000
LOAD_SECONDS = 3
TENANT = "secret/data/saas-project/dev/tenants/acme/s3"
PLATFORM = "secret/data/saas-project/dev/s3"
# The one that minio-helper makes for a bucket, compact as it is sent.
POLICY = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"],
     "Resource": ["arn:aws:s3:::shared"]},
    {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload",
                                   "s3:ListMultipartUploadParts"], "Resource": ["arn:aws:s3:::shared/*"]}]}, separators=(",", ":"))


def put(bench, path, **fields):
    bench.vault.bao("kv", "put", "-mount=secret", f"saas-project/dev/{path}", *[f"{name}={value}" for name, value in fields.items()])


def side_by_side(bench, pairs, first, second, **environment):
    """Medians of each side: (microseconds, peak kB)."""
    output = run([f"{TOP}/build/bench/side_by_side", str(pairs), *first, ":::", *second],
                 env={**bench.vault.environment(), **environment})
    return [tuple(float(word) for word in line.split()) for line in output.splitlines()]


def static_tenant(bench):
    # With an endpoint of its own: then nothing is asked of the platform's secret.
    put(bench, "tenants/acme/s3", access_key_id="acmekey", secret_access_key="acme-s3cret-key", bucket_name="acme",
        endpoint_url="http://127.0.0.1:9000", region="us-east-1")


def compare(bench, what, ours, theirs, limit, requests, memory=None):
    (reference, reference_kb), (helper, helper_kb) = side_by_side(bench, PAIRS, theirs, ours)
    bench.add(f"{what} / plain libcurl, wall time", helper / reference, limit,
              f"{helper / 1000:.2f} ms / {reference / 1000:.2f} ms, {PAIRS} pairs, {requests}")
    if memory:
        bench.add(f"{what} / plain libcurl, peak memory", helper_kb / reference_kb, memory, f"{helper_kb:.0f} kB / {reference_kb:.0f} kB")


def helper(bench):
    static_tenant(bench)
    compare(bench, "credentials, static keys", [HELPER, "credentials", "--tenant", "acme"], [PLAIN, TENANT], 1.15, "1 request each", 1.3)


def start_minio(bench):
    """A MinIO with a platform user; its URL. Started once."""
    if hasattr(bench, "minio_url"):
        return bench.minio_url
    port, console = free_port(), free_port()
    bench.minio_url = f"http://127.0.0.1:{port}"
    folder = f"{bench.folder}/minio"
    os.mkdir(folder)
    with open(f"{folder}/log", "w", encoding="ascii") as log:
        process = subprocess.Popen(
            [f"{TOOLS}/bin/minio", "server", "--quiet", "--address", f"127.0.0.1:{port}", "--console-address",
             f"127.0.0.1:{console}", f"{folder}/data"], stdout=log, stderr=log,
            env={**os.environ, "HOME": folder, "MINIO_ROOT_USER": "rootuser", "MINIO_ROOT_PASSWORD": "root-s3cret"})
    bench.stops.append(lambda: (process.terminate(), process.wait(10)))
    mc = [f"{TOOLS}/bin/mc", "--config-dir", f"{folder}/mc", "--quiet"]
    deadline = time.monotonic() + START_SECONDS
    while subprocess.run([*mc, "alias", "set", "m", bench.minio_url, "rootuser", "root-s3cret"], capture_output=True).returncode:
        if time.monotonic() > deadline:
            sys.exit("MinIO does not start")
        time.sleep(0.2)
    run([*mc, "mb", "m/shared"])
    run([*mc, "admin", "user", "add", "m", "platformkey", "platform-s3cret"])
    run([*mc, "admin", "policy", "attach", "m", "readwrite", "--user", "platformkey"])
    return bench.minio_url


def sts_tenant(bench):
    url = start_minio(bench)
    put(bench, "s3", access_key_id="platformkey", secret_access_key="platform-s3cret", bucket_name="shared", region="us-east-1",
        endpoint_url=url)
    put(bench, "tenants/acme/s3", bucket_name="shared")
    return url


def helper_sts(bench):
    url = sts_tenant(bench)
    compare(bench, "credentials, by STS", [HELPER, "credentials", "--tenant", "acme"],
            [PLAIN, "--sts", url, POLICY, TENANT, PLATFORM], 1.15, "3 requests each")


def helper_rivals(bench):
    url = sts_tenant(bench)
    folder = bench.folder
    with open(f"{folder}/aws", "w", encoding="ascii") as config:
        config.write("[default]\naws_access_key_id = platformkey\naws_secret_access_key = platform-s3cret\nregion = us-east-1\n")
    ours = [HELPER, "credentials", "--tenant", "acme"]
    aws = [f"{TOOLS}/s3clients/bin/python", "-m", "awscli", "--endpoint-url", url, "sts", "assume-role", "--role-arn", "arn:aws:iam::000000000000:role/x",
           "--role-session-name", "acme", "--policy", POLICY]
    (theirs, _), (helper_us, _) = side_by_side(bench, SLOW_PAIRS, aws, ours, AWS_SHARED_CREDENTIALS_FILE=f"{folder}/aws",
                                               AWS_CONFIG_FILE=f"{folder}/aws")
    bench.add("aws sts assume-role / credentials, by STS", theirs / helper_us, 30,
              f"{theirs / 1000:.0f} ms / {helper_us / 1000:.2f} ms, {SLOW_PAIRS} pairs", at_least=True)
    static_tenant(bench)
    with open(f"{bench.vault.folder}/root_token", encoding="ascii") as token:
        environment = {"VAULT_TOKEN": token.read().strip()}
    script = ("import hvac, os\n"
              "client = hvac.Client(url=os.environ['VAULT_ADDR'], token=os.environ['VAULT_TOKEN'])\n"
              "print(client.secrets.kv.v2.read_secret_version(path='saas-project/dev/tenants/acme/s3', raise_on_deleted_version=True))")
    for name, command in (("bao kv get", [f"{TOOLS}/bin/bao", "kv", "get", "-format=json", "-mount=secret", "saas-project/dev/tenants/acme/s3"]),
                          ("Python with hvac", [f"{TOOLS}/venv/bin/python", "-c", script])):
        (theirs, _), (helper_us, _) = side_by_side(bench, 3 * SLOW_PAIRS, ["env", *(f"{key}={value}" for key, value in environment.items()),
                                                                         *command], ours)
        bench.add(f"{name} / credentials, static keys", theirs / helper_us, 10,
                  f"{theirs / 1000:.0f} ms / {helper_us / 1000:.2f} ms, {3 * SLOW_PAIRS} pairs", at_least=True)


def helper_exec(bench):
    static_tenant(bench)
    (plain, _), (helper_us, _) = side_by_side(bench, PAIRS, [PLAIN, "auth/token/lookup-self", TENANT, "--exec", "true"],
                                              [HELPER, "exec", "--tenant", "acme", "--", "true"])
    bench.add("what exec adds to a plain client that becomes the command, ms", (helper_us - plain) / 1000, 3,
              f"{helper_us / 1000:.2f} ms / {plain / 1000:.2f} ms, 2 requests each")


def helper_serve(bench):
    static_tenant(bench)
    tokens = f"{bench.folder}/tokens"
    os.mkdir(tokens, 0o700)
    serve = subprocess.Popen(["taskset", "-c", "0", HELPER, "serve", "--token-dir", tokens, "--listen", "127.0.0.1:0", "acme"],
                             stdout=subprocess.PIPE, text=True, env=bench.vault.environment())
    try:
        port, path = serve.stdout.readline().strip().split("://127.0.0.1:")[1].split("/", 1)
        with open(f"{tokens}/acme", encoding="ascii") as file:
            token = file.read()
        samples = [tuple(float(word) for word in run([f"{TOP}/build/bench/serve_load", port, f"/{path}", token, str(LOAD_RATE),
                                                      str(LOAD_SECONDS)]).split()) for _ in range(LOAD_PAIRS)]
    finally:
        serve.terminate()
        serve.wait(10)
    samples.sort(key=lambda sample: sample[2])
    rate, middle, late = samples[len(samples) // 2]
    bench.add(f"serve on one core, {LOAD_RATE} requests a second, 99th percentile in ms", late / 1000, 5,
              f"{rate:.0f} answers a second, median {middle / 1000:.2f} ms, {LOAD_PAIRS} runs of {LOAD_SECONDS} s")


ROWS = {"helper": helper, "helper-sts": helper_sts, "helper-rivals": helper_rivals, "helper-exec": helper_exec,
        "helper-serve": helper_serve}
