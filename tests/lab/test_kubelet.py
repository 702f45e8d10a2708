"""What a pod asks for is what its processes get, by a real API server and its controllers."""

import json
import time
from textwrap import indent

import pytest
from weighbridge_lab.waiting import until

NAMESPACE = "kubelet-tests"
WAIT = "--timeout=30s"


class Space:
    """A namespace for these tests."""

    def __init__(self, lab):
        self._lab = lab

    def kubectl(self, *words, text=None):
        return self._lab.kubectl(*words, "--namespace", NAMESPACE, text=text)

    def apply(self, text):
        self.kubectl("apply", "--filename", "-", text=text)

    def pod(self, name, script, *, container="", spec=""):
        """Make a pod that runs a shell script."""
        self.apply(
            f"""
apiVersion: v1
kind: Pod
metadata: {{name: {name}, labels: {{app: {name}}}}}
spec:
  containers:
    - name: main
      image: busybox
      command: [sh, -c]
      args:
        - |
{indent(script, " " * 10)}
{indent(container, " " * 6)}
{indent(spec, " " * 2)}
"""
        )

    def until(self, name, *condition):
        self.kubectl("wait", f"pod/{name}", *(f"--for={one}" for one in condition), WAIT)

    def until_ended(self, name):
        self.until(name, "jsonpath={.status.phase}=Succeeded")

    def said(self, name, *options):
        return self.kubectl("logs", name, *options)

    def until_said(self, name, text):
        until(f"{name} says {text}", lambda: text in self.said(name))

    def status(self, name):
        return json.loads(self.kubectl("get", "pod", name, "--output", "json"))["status"]

    def delete(self, name, *options):
        self.kubectl("delete", "pod", name, *options)


@pytest.fixture(scope="module")
def space(lab):
    lab.kubectl("create", "namespace", NAMESPACE)
    one = Space(lab)
    one.kubectl("wait", "serviceaccount/default", "--for=create", WAIT)
    yield one
    lab.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


ONCE = "restartPolicy: Never"
HARDENED = """
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65531
  readOnlyRootFilesystem: true
  allowPrivilegeEscalation: false
  capabilities: {drop: [ALL]}
"""


def test_a_hardened_container_can_write_nowhere_and_do_nothing(space):
    script = """
    id -u; id -g
    touch /x 2>/dev/null || echo root is sealed
    touch /usr/x 2>/dev/null || echo programmes are sealed
    touch /tmp/x 2>/dev/null || echo no tmp
    grep CapEff /proc/self/status
    ls /proc | grep -c '^[0-9]'
    """
    space.pod("hardened", script, container=HARDENED, spec=ONCE)
    space.until_ended("hardened")
    said = space.said("hardened").splitlines()
    assert said[:5] == ["65532", "65531", "root is sealed", "programmes are sealed", "no tmp"]
    assert said[5].split() == ["CapEff:", "0000000000000000"]
    # Its own shell and what that starts; nothing of the machine's hundred others.
    assert int(said[6]) <= 5


def test_root_is_refused_where_the_pod_forbids_it(space):
    space.pod("root", "sleep 60", container="securityContext: {runAsNonRoot: true}")
    reason = "jsonpath={.status.containerStatuses[0].state.waiting.reason}"
    space.until("root", f"{reason}=CreateContainerConfigError")
    (main,) = space.status("root")["containerStatuses"]
    assert "image will run as root" in main["state"]["waiting"]["message"]
    space.delete("root", "--wait=false")


@pytest.mark.parametrize(
    ("name", "sysctls", "said"),
    [
        ("low-port", "[{name: net.ipv4.ip_unprivileged_port_start, value: '0'}]", "bound"),
        ("no-low-port", "[]", "refused"),
    ],
)
def test_a_low_port_takes_the_sysctl(space, name, sysctls, said):
    script = (
        "timeout 1 python3 -m http.server 80 2>&1 | grep -q denied && echo refused || echo bound"
    )
    spec = f"{ONCE}\nsecurityContext: {{sysctls: {sysctls}}}"
    space.pod(name, script, spec=spec)
    space.until_ended(name)
    assert space.said(name).strip() == said


def test_a_config_map_changes_in_the_running_pod_but_not_by_sub_path(space):
    space.apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: live}, data: {k: old}}")
    mounts = """
volumeMounts:
  - {name: live, mountPath: /live}
  - {name: live, mountPath: /pinned, subPath: k}
"""
    volume = "volumes: [{name: live, configMap: {name: live}}]\nterminationGracePeriodSeconds: 1"
    script = "while sleep 0.1; do echo $(cat /live/k) $(cat /pinned) $(readlink /live/k); done"
    space.pod("live", script, container=mounts, spec=volume)
    space.until("live", "condition=Ready")
    space.until_said("live", "old old ..data/k")
    space.kubectl("patch", "configmap", "live", "--patch", '{"data": {"k": "new"}}')
    space.until_said("live", "new old ..data/k")
    space.delete("live", "--wait=false")


def test_a_missing_config_map_holds_the_pod_until_it_is_there(space):
    volume = f"{ONCE}\nvolumes: [{{name: v, configMap: {{name: late}}}}]"
    space.pod("late", "cat /v/k", container="volumeMounts: [{name: v, mountPath: /v}]", spec=volume)
    message = "jsonpath={.status.containerStatuses[0].state.waiting.message}"
    space.until("late", f'{message}=configmap "late" not found in {NAMESPACE}')
    space.apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: late}, data: {k: there}}")
    space.until_ended("late")
    assert space.said("late") == "there"


def test_the_token_of_a_pod_is_for_its_audience_and_bound_to_the_pod(space, lab):
    volume = f"""
{ONCE}
volumes:
  - name: token
    projected:
      sources: [{{serviceAccountToken: {{audience: istio-ca, expirationSeconds: 600, path: t}}}}]
"""
    space.pod(
        "token", "cat /t/t", container="volumeMounts: [{name: token, mountPath: /t}]", spec=volume
    )
    space.until_ended("token")
    spec = {"token": space.said("token"), "audiences": ["istio-ca"]}
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": spec}
    words = ("create", "--filename", "-", "--output", "json")
    status = json.loads(lab.kubectl(*words, text=json.dumps(review)))["status"]
    assert status["authenticated"]
    assert status["user"]["username"] == f"system:serviceaccount:{NAMESPACE}:default"
    assert status["user"]["extra"]["authentication.kubernetes.io/pod-name"] == ["token"]


def test_the_api_server_is_reached_from_a_pod_by_its_own_token(space):
    script = """
    folder=/var/run/secrets/kubernetes.io/serviceaccount
    curl --silent --cacert $folder/ca.crt --header "Authorization: Bearer $(cat $folder/token)" \\
      https://$KUBERNETES_SERVICE_HOST:$KUBERNETES_SERVICE_PORT/version
    """
    space.pod("in-cluster", script, spec=ONCE)
    space.until_ended("in-cluster")
    assert json.loads(space.said("in-cluster"))["major"] == "1"


def test_a_service_is_found_by_its_name_from_another_pod(space):
    space.apply(
        """
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 8080}]}
"""
    )
    ready = "readinessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: 1}"
    grace = "terminationGracePeriodSeconds: 1"
    space.pod("web", "exec python3 -m http.server 8080", container=ready, spec=grace)
    space.until("web", "condition=Ready")
    url = f"http://web.{NAMESPACE}.svc.cluster.local:8080"
    script = f"until curl --silent --fail {url} >/dev/null; do sleep 0.1; done; echo found"
    space.pod("client", script, spec=ONCE)
    space.until_ended("client")
    assert space.said("client") == "found\n"
    space.delete("web", "--wait=false")


def test_a_job_with_a_sidecar_completes_and_the_sidecar_ends_last(space):
    space.apply(
        """
apiVersion: batch/v1
kind: Job
metadata: {name: work}
spec:
  template:
    spec:
      restartPolicy: Never
      volumes: [{name: shared, emptyDir: {}}]
      initContainers:
        - name: first
          image: busybox
          command: [sh, -c, "echo first >> /shared/log"]
          volumeMounts: [{name: shared, mountPath: /shared}]
        - name: proxy
          image: busybox
          restartPolicy: Always
          command: [sh, -c]
          args:
            - trap 'cat /shared/log; exit' TERM; touch /shared/up; while :; do sleep 0.1; done
          startupProbe: {exec: {command: [test, -e, /shared/up]}, periodSeconds: 1}
          volumeMounts: [{name: shared, mountPath: /shared}]
      containers:
        - name: main
          image: busybox
          command: [sh, -c, "test -e /shared/up && echo main >> /shared/log"]
          volumeMounts: [{name: shared, mountPath: /shared}]
"""
    )
    space.kubectl("wait", "job/work", "--for=condition=complete", WAIT)
    pods = space.kubectl("get", "pods", "--selector=job-name=work", "--output=name").split()
    assert len(pods) == 1
    assert space.said(pods[0], "--container=proxy") == "first\nmain\n"


def test_a_job_that_fails_says_so_with_its_exit_code(space):
    space.apply(
        """
apiVersion: batch/v1
kind: Job
metadata: {name: broken}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers: [{name: main, image: busybox, command: [sh, -c, "exit 7"]}]
"""
    )
    space.kubectl("wait", "job/broken", "--for=condition=failed", WAIT)
    code = "jsonpath={.items[0].status.containerStatuses[0].state.terminated.exitCode}"
    assert space.kubectl("get", "pods", "--selector=job-name=broken", "--output", code) == "7"


def test_a_container_that_crashes_is_restarted_ever_more_slowly(space):
    space.pod("crash", "exit 3")
    space.until("crash", "jsonpath={.status.containerStatuses[0].restartCount}=3")
    space.until(
        "crash", "jsonpath={.status.containerStatuses[0].state.waiting.reason}=CrashLoopBackOff"
    )
    (main,) = space.status("crash")["containerStatuses"]
    assert main["lastState"]["terminated"]["exitCode"] == 3
    space.delete("crash")


def test_an_unknown_image_names_the_file_to_put_it_in(space):
    space.apply(
        """
apiVersion: v1
kind: Pod
metadata: {name: unknown}
spec: {containers: [{name: main, image: "example.org/unknown:1"}]}
"""
    )
    reason = "jsonpath={.status.containerStatuses[0].state.waiting.reason}"
    space.until("unknown", f"{reason}=ImagePullBackOff")
    (main,) = space.status("unknown")["containerStatuses"]
    assert "images.yaml" in main["state"]["waiting"]["message"]
    space.delete("unknown")


def test_a_failing_liveness_probe_restarts_the_container(space):
    probe = """
startupProbe: {exec: {command: [test, -e, /tmp/up]}, periodSeconds: 1}
livenessProbe: {exec: {command: [test, -e, /tmp/up]}, periodSeconds: 1, failureThreshold: 2}
"""
    script = "touch /tmp/up; sleep 2; rm /tmp/up; sleep 60"
    space.pod("liveness", script, container=probe, spec="terminationGracePeriodSeconds: 1")
    space.until("liveness", "jsonpath={.status.containerStatuses[0].restartCount}=1")
    (main,) = space.status("liveness")["containerStatuses"]
    assert main["lastState"]["terminated"]["exitCode"] == 137
    space.delete("liveness", "--wait=false")


def test_the_hook_comes_before_the_signal_and_both_before_the_end(space, lab):
    hook = "lifecycle: {preStop: {exec: {command: [sh, -c, 'echo hook > /proc/1/fd/1; sleep 1']}}}"
    script = "trap 'echo term; exit' TERM; echo up; while :; do sleep 0.1; done"
    space.pod("hooked", script, container=hook)
    space.until_said("hooked", "up")
    began = time.monotonic()
    space.delete("hooked")
    assert time.monotonic() - began >= 1
    log = lab.cluster.layout.pods / "logs" / f"{NAMESPACE}_hooked_main.log"
    assert log.read_text() == "up\nhook\nterm\n"


def test_what_ignores_its_signal_is_killed_when_the_grace_is_over(space):
    script = "trap '' TERM; echo up; while :; do sleep 0.1; done"
    space.pod("stubborn", script, spec="terminationGracePeriodSeconds: 3")
    space.until_said("stubborn", "up")
    began = time.monotonic()
    space.delete("stubborn")
    assert 2.5 <= time.monotonic() - began <= 10


def test_a_forced_deletion_leaves_no_process_behind(space, lab):
    space.pod("forced", "trap '' TERM; echo up; while :; do sleep 0.1; done")
    space.until_said("forced", "up")
    anchor = lab.cluster.layout.pod_anchor(NAMESPACE, "forced")
    alive = lab.cluster.inside(["ls", f"/proc/{anchor}"])
    assert lab.cluster.run(*alive)
    space.delete("forced", "--force", "--grace-period=0")
    gone = lab.cluster.inside(["sh", "-c", f"while test -e /proc/{anchor}; do sleep 0.1; done"])
    lab.cluster.run(*gone, timeout_s=20)
