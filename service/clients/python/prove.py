"""Has a popw service prove an assignment.

    python -m venv venv && venv/bin/pip install -r requirements.txt
    venv/bin/python -m grpc_tools.protoc -I ../../proto --python_out=generated --grpc_python_out=generated popw/v1/{job,prover,worker,admin}.proto
    PYTHONPATH=generated venv/bin/python prove.py witness.wtns proof.json public.json

The address is that of `popw serve` without a scheme. With `--api-key FILE` the key in the file is shown with every call.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import grpc
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status
from popw.v1 import job_pb2, prover_pb2, prover_pb2_grpc

CHUNK = 1 << 18
"""Bytes of an upload's message."""

PATIENCE = 60.0
"""Seconds for which a call is made again that nobody answers or that finds the queue full."""

Answer = TypeVar("Answer")
Details = TypeVar("Details", error_details_pb2.ErrorInfo, error_details_pb2.RetryInfo)


def details(error: grpc.RpcError, kind: type[Details]) -> Details | None:
    """What the service says of an error beside its message: a stable reason, or when to come again."""
    status = rpc_status.from_call(error)
    for detail in status.details if status else []:
        found = kind()
        if detail.Unpack(found):
            return found
    return None


def patiently(call: Callable[[], Answer]) -> Answer:
    """Makes a call again while the service says when, or does not answer."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return call()
        except grpc.RpcError as error:
            retry = details(error, error_details_pb2.RetryInfo)
            if retry is None and error.code() != grpc.StatusCode.UNAVAILABLE:
                raise
            pause = retry.retry_delay.ToTimedelta().total_seconds() if retry else 1.0
            if time.monotonic() + pause > end:
                raise
            time.sleep(pause)


class Service:
    """A popw service, as a tenant uses it."""

    def __init__(self, address: str, api_key: str | None = None) -> None:
        self.channel = grpc.insecure_channel(address)
        self.prover = prover_pb2_grpc.ProverStub(self.channel)
        self.shown = [("authorization", f"Bearer {api_key}")] if api_key else []

    def check(self) -> list[str]:
        """The services behind the address, by reflection; fails unless the prover serves."""
        request = health_pb2.HealthCheckRequest(service="popw.v1.Prover")
        health = health_pb2_grpc.HealthStub(self.channel).Check(request)
        if health.status != health_pb2.HealthCheckResponse.SERVING:
            raise RuntimeError("the prover does not serve")
        return sorted(ProtoReflectionDescriptorDatabase(self.channel).get_services())

    def circuits(self) -> list[prover_pb2.Circuit]:
        """The keys that it proves with."""
        request = prover_pb2.ListCircuitsRequest()
        return list(patiently(lambda: self.prover.ListCircuits(request, metadata=self.shown)).circuits)

    def upload(self, file: bytes, sha256: str | None = None) -> str:
        """Uploads a file, unless it is there, and returns its hash."""
        sha256 = sha256 or hashlib.sha256(file).hexdigest()

        def parts() -> Iterator[prover_pb2.UploadWitnessRequest]:
            header = prover_pb2.UploadWitnessRequest.Header(sha256=sha256, bytes=len(file))
            yield prover_pb2.UploadWitnessRequest(header=header)
            for start in range(0, len(file), CHUNK):
                yield prover_pb2.UploadWitnessRequest(chunk=file[start : start + CHUNK])

        patiently(lambda: self.prover.UploadWitness(parts(), metadata=self.shown))
        return sha256

    def submit(self, key: job_pb2.KeyName, witness_sha256: str, request_id: str) -> job_pb2.Job:
        """Submits a job. The same request again is the same job."""
        work = job_pb2.Work(assignment=job_pb2.AssignmentWork(witness_sha256=witness_sha256))
        request = prover_pb2.SubmitJobRequest(request_id=request_id, key=key, work=work)
        return patiently(lambda: self.prover.SubmitJob(request, metadata=self.shown)).job

    def watch(self, job_id: str) -> Iterator[job_pb2.Job]:
        """A job and what becomes of it, until its end. A watch that is cut goes on behind what was seen."""
        ongoing = (job_pb2.JOB_STATE_QUEUED, job_pb2.JOB_STATE_LEASED)
        revision, end = 0, time.monotonic() + PATIENCE
        while True:
            request = prover_pb2.WatchJobRequest(id=job_id, after_revision=revision)
            try:
                for view in self.prover.WatchJob(request, metadata=self.shown):
                    revision, end = view.job.revision, time.monotonic() + PATIENCE
                    yield view.job
                    if view.job.state not in ongoing:
                        return
            except grpc.RpcError as error:
                if error.code() != grpc.StatusCode.UNAVAILABLE or time.monotonic() > end:
                    raise
            time.sleep(1.0)

    def proof(self, job_id: str) -> job_pb2.Proof:
        """The proof of a job that succeeded."""
        request = prover_pb2.GetProofRequest(id=job_id)
        return patiently(lambda: self.prover.GetProof(request, metadata=self.shown)).proof


def show(job: job_pb2.Job) -> None:
    """A line for people."""
    state = job_pb2.JobState.Name(job.state).removeprefix("JOB_STATE_").lower()
    progress = f", {100 * job.progress.done:.0f} %" if job.HasField("progress") else ""
    print(f"{job.id}: {state}{progress}", file=sys.stderr)


def main() -> int:
    parser = argparse.ArgumentParser(description="Has a popw service prove an assignment.")
    parser.add_argument("witness", type=Path)
    parser.add_argument("proof", type=Path)
    parser.add_argument("public", type=Path)
    parser.add_argument("--service", default="127.0.0.1:7420")
    parser.add_argument("--api-key", type=Path)
    parser.add_argument("--request", help="a name for the request; the witness's hash if absent")
    arguments = parser.parse_args()
    api_key = arguments.api_key.read_text().strip() if arguments.api_key else None
    service = Service(arguments.service, api_key)
    try:
        print("services:", ", ".join(service.check()), file=sys.stderr)
        circuits = service.circuits()
        if len(circuits) != 1:
            print("the service has several keys: choose one", file=sys.stderr)
            return 2
        witness = service.upload(arguments.witness.read_bytes())
        job = service.submit(circuits[0].key, witness, arguments.request or witness)
        for job in service.watch(job.id):
            show(job)
        if job.state != job_pb2.JOB_STATE_SUCCEEDED:
            print(job.failure.message, file=sys.stderr)
            return 1
        proof = service.proof(job.id)
    except grpc.RpcError as error:
        info = details(error, error_details_pb2.ErrorInfo)
        print(f"{info.reason if info else error.code().name}: {error.details()}", file=sys.stderr)
        return 3
    arguments.proof.write_text(proof.proof_json)
    arguments.public.write_text(proof.public_json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
