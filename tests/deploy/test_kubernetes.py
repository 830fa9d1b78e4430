"""Every manifest renders, fits its schema, and fits the others: selectors, ports, names, rights."""

from collections import Counter

import pytest
import yaml
from kubernetes_validate import ValidationError

from deploy import build
from exporter.config import KubernetesSdSettings, parse_config
from exporter.discovery.pod import PodTarget
from exporter.discovery.pods import pod_targets
from exporter.engines.sources.pod import command_line

from .kube import KUBERNETES, KUSTOMIZATIONS, ROOT, Object, check, is_ours, rendered, templates
from .pods import running

LOOSE = [
    *sorted((KUBERNETES / "autoscale").glob("*.yaml")),
    KUBERNETES / "rollout" / "flagger-canary.yaml",
    ROOT / "deploy" / "scrape" / "google-pod-monitoring.yaml",
]
EVERY = {
    **{name: None for name in KUSTOMIZATIONS},
    **{str(path.relative_to(ROOT)): path for path in LOOSE},
}


def resources(name: str) -> tuple[Object, ...]:
    path = EVERY[name]
    return rendered(name) if path is None else tuple(yaml.safe_load_all(path.read_text()))


def find(name: str, kind: str) -> Object:
    (found,) = [one for one in rendered(name) if one["kind"] == kind]
    return found


@pytest.mark.parametrize("name", EVERY)
def test_every_resource_fits_its_schema(name: str) -> None:
    counts = Counter(check(resource) for resource in resources(name))
    assert sum(counts.values()) == len(resources(name)) > 0


@pytest.mark.parametrize(
    ("name", "kind", "key"),
    [
        ("central", "Deployment", "replica"),
        ("overlays/operator", "ServiceMonitor", "endpoint"),
        ("rollout", "AnalysisTemplate", "metric"),
    ],
)
def test_key_that_no_schema_knows_is_refused(name: str, kind: str, key: str) -> None:
    resource = next(one for one in rendered(name) if one["kind"] == kind)
    wrong = {**resource, "spec": {**resource["spec"], key: 1}}
    with pytest.raises((ValidationError, AssertionError)):
        check(wrong)


def test_every_manifest_that_runs_ours_is_rendered() -> None:
    listed = set(LOOSE)
    for folder in KUSTOMIZATIONS:
        kustomization = yaml.safe_load((KUBERNETES / folder / "kustomization.yaml").read_text())
        files = [*kustomization.get("resources", ()), *kustomization.get("patches", ())]
        names = [one.get("path", "") if isinstance(one, dict) else one for one in files]
        listed |= {(KUBERNETES / folder / name).resolve() for name in names}
    runs = [path for path in KUBERNETES.rglob("*.yaml") if "image: inferfleet" in path.read_text()]
    assert len(runs) > 5
    assert not set(runs) - listed


@pytest.mark.parametrize("name", [name for name in EVERY if name != "overlays/sidecar-gpu"])
def test_our_containers_may_do_nothing(name: str) -> None:
    for template in (one for resource in resources(name) for one in templates(resource)):
        spec = template["spec"]
        for container in (*spec["containers"], *spec.get("initContainers", ())):
            if not is_ours(container["image"]):
                continue
            may = {**spec.get("securityContext", {}), **container["securityContext"]}
            assert may["runAsNonRoot"] is True
            assert may["runAsUser"] == may["runAsGroup"] == 10190
            assert may["readOnlyRootFilesystem"] is True
            assert may["allowPrivilegeEscalation"] is False
            assert may["capabilities"] == {"drop": ["ALL"]}
            assert may["seccompProfile"] == {"type": "RuntimeDefault"}
            assert not may.get("privileged")
            assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()


def test_the_judge_keeps_its_state_where_it_may_write_and_is_probed_where_it_answers() -> None:
    spec = find("judge", "Deployment")["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    (state,) = (word for word in container["args"] if word.startswith("--state="))
    (mount,) = container["volumeMounts"]
    assert state.removeprefix("--state=").startswith(mount["mountPath"] + "/")
    assert [volume["name"] for volume in spec["volumes"]] == [mount["name"]]
    assert spec["securityContext"]["fsGroup"] == spec["securityContext"]["runAsGroup"]
    port = container["ports"][0]
    assert f"--listen=0.0.0.0:{port['containerPort']}" in container["args"]
    for probe in ("readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"] == {"path": "/metrics", "port": port["name"]}


def test_sidecar_with_gpus_may_see_its_servers_process_and_nothing_more() -> None:
    (plain,), (spec,) = (
        [one["spec"] for resource in rendered(name) for one in templates(resource)]
        for name in ("sidecar", "overlays/sidecar-gpu")
    )
    assert spec["runtimeClassName"] == "nvidia"
    assert spec["shareProcessNamespace"] is True
    (before,), (container,) = (
        [one for one in pod["containers"] if one["name"] == "inferfleet"] for pod in (plain, spec)
    )
    environ = {one["name"]: one["value"] for one in container["env"] if "value" in one}
    assert environ["NVIDIA_VISIBLE_DEVICES"] == "all"
    may = container["securityContext"]
    assert may["capabilities"] == {"drop": ["ALL"], "add": ["SYS_PTRACE"]}
    changed = {"runAsNonRoot", "runAsUser", "runAsGroup", "capabilities"}
    kept = before["securityContext"].keys() - changed
    assert {key: may[key] for key in kept} == {key: before["securityContext"][key] for key in kept}


def test_the_account_may_follow_pods_and_nothing_else() -> None:
    assert find("central", "ClusterRole")["rules"] == [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}
    ]
    binding, account = find("central", "ClusterRoleBinding"), find("central", "ServiceAccount")
    assert binding["subjects"] == [
        {"kind": "ServiceAccount", "name": account["metadata"]["name"], "namespace": "inferfleet"}
    ]
    spec = find("central", "Deployment")["spec"]["template"]["spec"]
    assert spec["serviceAccountName"] == account["metadata"]["name"]


@pytest.mark.parametrize("name", ["central", "sharded"])
def test_selectors_find_the_exporter(name: str) -> None:
    kind = "Deployment" if name == "central" else "StatefulSet"
    workload, service = find(name, kind), find(name, "Service")
    labels = workload["spec"]["template"]["metadata"]["labels"].items()
    for selector in (
        workload["spec"]["selector"]["matchLabels"],
        service["spec"]["selector"],
        find(name, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        find(name, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
    ):
        assert selector.items() <= labels
    monitor = find("overlays/operator", "ServiceMonitor")["spec"]
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert monitor["namespaceSelector"]["matchNames"] == [service["metadata"]["namespace"]]
    ports = {
        port["name"] for port in workload["spec"]["template"]["spec"]["containers"][0]["ports"]
    }
    assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports
    assert {one["port"] for one in monitor["endpoints"]} <= {
        port["name"] for port in service["spec"]["ports"]
    }


@pytest.mark.parametrize("name", ["sidecar", "multi-node", "statefulset"])
def test_pod_monitor_finds_the_sidecars(name: str) -> None:
    monitor = find("monitoring", "PodMonitor")["spec"]
    template = next(one for resource in rendered(name) for one in templates(resource))
    wanted = monitor["selector"]["matchLabels"].items()
    assert wanted <= template["metadata"]["labels"].items()
    ports = {
        port["name"] for one in template["spec"]["containers"] for port in one.get("ports", ())
    }
    assert {one["port"] for one in monitor["podMetricsEndpoints"]} <= ports


@pytest.mark.parametrize("name", KUSTOMIZATIONS)
def test_configuration_in_the_manifests_is_good(name: str) -> None:
    maps = {one["metadata"]["name"]: one for one in rendered(name) if one["kind"] == "ConfigMap"}
    for one in maps.values():
        if "inferfleet.yaml" in one["data"]:
            data = yaml.safe_load(one["data"]["inferfleet.yaml"])
            found = parse_config(data, name)
            assert found.targets or found.discovery.kubernetes
    for template in (one for resource in rendered(name) for one in templates(resource)):
        for volume in template["spec"].get("volumes", ()):
            if "configMap" in volume:
                assert volume["configMap"]["name"] in maps


@pytest.mark.parametrize(
    ("name", "gpus"), [("sidecar", 1), ("statefulset", 1), ("multi-node", None)]
)
def test_discovery_reads_the_example_servers(name: str, gpus: int | None) -> None:
    template = next(one for resource in rendered(name) for one in templates(resource))
    size = {"leaderworkerset.sigs.k8s.io/size": "2" if name == "multi-node" else "1"}
    pod = running(template, "llama-0", annotations=size)
    (found,) = pod_targets(pod, KubernetesSdSettings(selector="app=llama"))
    assert isinstance(found, PodTarget)
    assert found.url == "http://10.0.0.1:8000"
    assert found.container is not None
    assert found.container.gpus == gpus
    words = command_line(found.container) or []
    assert words[words.index("--max-num-seqs") + 1] == "256"


def test_every_shard_is_watched_by_one_pod() -> None:
    spec = find("sharded", "StatefulSet")["spec"]
    arguments = spec["template"]["spec"]["containers"][0]["args"]
    assert arguments[arguments.index("--shard") + 1] == f"$(SHARD)/{spec['replicas']}"


def test_network_policy_lets_the_example_servers_be_read() -> None:
    policy = find("central", "NetworkPolicy")["spec"]
    open_ports = {port["port"] for rule in policy["egress"] for port in rule["ports"]}
    assert {53, 443, 8000, 9400} <= open_ports
    # any Prometheus may scrape, whatever its namespace is called
    assert policy["ingress"] == [{"ports": [{"port": "metrics", "protocol": "TCP"}]}]


def test_dashboards_are_small_enough_to_be_applied() -> None:
    maps = [one for one in rendered("monitoring") if one["kind"] == "ConfigMap"]
    assert {one["metadata"]["labels"]["grafana_dashboard"] for one in maps} == {"1"}
    for one in maps:
        (content,) = one["data"].values()
        # kubectl apply keeps a copy of the whole in an annotation, which may hold so much
        assert len(content) < 256_000, one["metadata"]["name"]
    boards = [one for one in rendered("grafana-operator") if one["kind"] == "GrafanaDashboard"]
    assert {one["spec"]["configMapRef"]["name"] for one in boards} == {
        one["metadata"]["name"] for one in maps
    }


def test_written_files_are_all_used() -> None:
    for name in build.texts():
        place, folder, file = name.split("/", 2)
        if place != "kubernetes":
            continue
        listed = yaml.safe_load((KUBERNETES / folder / "kustomization.yaml").read_text())
        assert file in listed["resources"]
