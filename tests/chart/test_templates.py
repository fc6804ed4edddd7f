"""What each template renders, by what the API server would make of it."""

from __future__ import annotations

import json
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import chart  # noqa: E402
import schemas  # noqa: E402
from chart import find, render  # noqa: E402
from value_rows import CERT, DASHBOARD, MONITOR, POLICY, QUOTA, RULES, TLS  # noqa: E402

EVERYTHING = chart.merged(CERT, MONITOR, RULES, DASHBOARD, POLICY, QUOTA)
SELECTOR = {"app.kubernetes.io/name": "oomtrail", "app.kubernetes.io/instance": "oomtrail",
            "app.kubernetes.io/component": "agent"}


def agent(values: dict | None = None) -> tuple[dict, dict]:
    """The pod's spec, and its container."""
    pod = find(render(values), "DaemonSet")["spec"]["template"]["spec"]
    return pod, pod["containers"][0]


class DaemonSet(unittest.TestCase):
    def test_runs_everywhere_and_never_twice_on_a_node(self) -> None:
        spec = find(render(), "DaemonSet")["spec"]
        self.assertEqual(spec["updateStrategy"], {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "10%"}})
        pod = spec["template"]["spec"]
        self.assertEqual(pod["tolerations"], [{"operator": "Exists"}])
        self.assertEqual(pod["nodeSelector"], {"kubernetes.io/os": "linux"})
        self.assertEqual(pod["priorityClassName"], "system-node-critical")

    def test_selects_its_own_pods_only(self) -> None:
        spec = find(render(), "DaemonSet")["spec"]
        self.assertEqual(spec["selector"]["matchLabels"], SELECTOR)
        self.assertLessEqual(SELECTOR.items(), spec["template"]["metadata"]["labels"].items())

    def test_has_the_least_privilege(self) -> None:
        pod, container = agent()
        self.assertFalse(pod["hostPID"] or pod["hostNetwork"])
        context = container["securityContext"]
        self.assertEqual(context["capabilities"], {"drop": ["ALL"], "add": ["BPF", "PERFMON", "DAC_READ_SEARCH"]})
        self.assertEqual(context["seccompProfile"], {"type": "RuntimeDefault"})
        self.assertTrue(context["readOnlyRootFilesystem"])
        self.assertFalse(context["privileged"] or context["allowPrivilegeEscalation"])

    def test_writes_to_the_host_only_what_it_must(self) -> None:
        _, container = agent()
        writable = {mount["name"] for mount in container["volumeMounts"] if not mount.get("readOnly")}
        self.assertEqual(writable, {"bpffs", "journal", "socket"})

    def test_privileged_names_nothing_that_excludes_it(self) -> None:
        context = agent({"privileged": True})[1]["securityContext"]
        self.assertTrue(context["privileged"])
        self.assertFalse({"allowPrivilegeEscalation", "capabilities"} & set(context))

    def test_each_mount_has_its_volume_and_each_volume_a_mount(self) -> None:
        for values in ({}, EVERYTHING, {"tracefs": {"enabled": True}, "kubelet": {"ca": {"configMap": "ca"}}},
                       chart.merged(TLS, {"journal": {"enabled": False}, "pin": {"enabled": False}})):
            pod, container = agent(values)
            self.assertEqual({mount["name"] for mount in container["volumeMounts"]},
                             {volume["name"] for volume in pod["volumes"]})

    def test_has_a_token_only_for_the_kubelet(self) -> None:
        self.assertTrue(agent()[0]["automountServiceAccountToken"])
        self.assertFalse(agent({"kubelet": {"enabled": False}})[0]["automountServiceAccountToken"])

    def test_asks_its_own_node_under_its_own_name(self) -> None:
        _, container = agent()
        self.assertIn("--kubelet-url=https://[$(NODE_IP)]:10250", container["args"])
        fields = {entry["name"]: entry["valueFrom"]["fieldRef"]["fieldPath"] for entry in container["env"]}
        self.assertEqual(fields, {"NODE_NAME": "spec.nodeName", "NODE_IP": "status.hostIP"})

    def test_is_probed_where_it_listens(self) -> None:
        _, container = agent({"httpPort": 9000})
        self.assertIn("--http-listen=:9000", container["args"])
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        self.assertEqual(ports, {"http": 9000})
        for probe, path in (("livenessProbe", "/livez"), ("readinessProbe", "/readyz")):
            self.assertEqual(container[probe]["httpGet"], {"path": path, "port": "http"})

    def test_listens_on_the_network_only_when_told_to(self) -> None:
        def listens(values: dict) -> list[str]:
            return [flag for flag in agent(values)[1]["args"] if flag.startswith(("--listen", "--tls", "--insecure"))]
        unix = "--listen=unix:///run/oomtrail/oomtrail.sock"
        tls = ["--tls-cert=/etc/oomtrail/tls/tls.crt", "--tls-key=/etc/oomtrail/tls/tls.key",
               "--tls-client-ca=/etc/oomtrail/tls/ca.crt"]
        self.assertEqual(listens({}), [unix])
        self.assertEqual(listens({"socket": {"enabled": False}}), ["--listen=none"])
        self.assertEqual(listens(TLS), [unix, "--listen=:9778", *tls])
        self.assertEqual(listens(CERT), [unix, "--listen=:9778", *tls])
        self.assertEqual(listens({"grpc": {"insecure": True}, "socket": {"enabled": False}}),
                         ["--listen=:9778", "--insecure"])

    def test_takes_the_clients_authority_from_where_it_is(self) -> None:
        def sources(values: dict) -> list:
            volume = next(one for one in agent(values)[0]["volumes"] if one["name"] == "tls")
            return [(kind, source[kind]["name"], [item["path"] for item in source[kind]["items"]])
                    for source in volume["projected"]["sources"] for kind in source]
        self.assertEqual(sources(TLS), [("secret", "agent-tls", ["tls.crt", "tls.key", "ca.crt"])])
        apart = chart.merged(TLS, {"grpc": {"tls": {"clientCa": {"configMap": "clients"}}}})
        self.assertEqual(sources(apart), [("secret", "agent-tls", ["tls.crt", "tls.key"]),
                                          ("configMap", "clients", ["ca.crt"])])

    def test_refuses_what_excludes_each_other(self) -> None:
        for values, why in ((chart.merged(TLS, {"grpc": {"insecure": True}}), "exclude each other"),
                            ({"grpc": {"tls": {"certManager": {"enabled": True}}}}, "issuerRef.name"),
                            ({"grpc": {"tls": {"allow": ["controller"]}}}, "no effect")):
            with self.assertRaisesRegex(chart.HelmError, why):
                render(values)


class Rbac(unittest.TestCase):
    def rules(self, values: dict | None = None) -> list:
        return find(render(values), "ClusterRole")["rules"]

    def test_may_get_its_pods_from_the_kubelet_and_nothing_else(self) -> None:
        self.assertEqual(self.rules(), [{"apiGroups": [""], "resources": ["nodes/pods"], "verbs": ["get"]}])

    def test_nodes_proxy_only_when_asked_for(self) -> None:
        self.assertEqual(self.rules({"rbac": {"nodesProxy": True}})[0]["resources"], ["nodes/pods", "nodes/proxy"])

    def test_binds_the_account_that_the_pods_have(self) -> None:
        documents = render({"serviceAccount": {"name": "watcher"}}, namespace="here")
        subjects = find(documents, "ClusterRoleBinding")["subjects"]
        self.assertEqual(subjects, [{"kind": "ServiceAccount", "name": "watcher", "namespace": "here"}])
        self.assertIsNotNone(find(documents, "ServiceAccount", "watcher"))

    def test_nothing_where_no_kubelet_is_asked(self) -> None:
        self.assertIsNone(find(render({"kubelet": {"enabled": False}}), "ClusterRole"))


class Network(unittest.TestCase):
    def test_the_service_is_headless_and_has_the_ports_that_are_open(self) -> None:
        service = find(render(), "Service")["spec"]
        self.assertEqual((service["clusterIP"], service["selector"]), ("None", SELECTOR))
        self.assertEqual([port["name"] for port in service["ports"]], ["http"])
        with_tls = find(render(TLS), "Service")["spec"]["ports"]
        self.assertEqual([(port["name"], port["port"]) for port in with_tls], [("http", 9779), ("grpc", 9778)])

    def test_the_policy_lets_in_who_is_named(self) -> None:
        peer = {"podSelector": {"matchLabels": {"app": "controller"}}}
        values = chart.merged(TLS, POLICY, {"networkPolicy": {"grpcFrom": [peer]}})
        policy = find(render(values), "NetworkPolicy")["spec"]
        self.assertEqual(policy["podSelector"]["matchLabels"], SELECTOR)
        self.assertEqual(policy["ingress"], [{"ports": [{"port": "http"}], "from": [{"namespaceSelector": {}}]},
                                             {"ports": [{"port": "grpc"}], "from": [peer]}])

    def test_an_empty_list_lets_nobody_in(self) -> None:
        values = chart.merged(TLS, POLICY, {"networkPolicy": {"metricsFrom": []}})
        self.assertEqual(find(render(values), "NetworkPolicy")["spec"]["ingress"], [])

    def test_the_certificate_names_the_service(self) -> None:
        certificate = find(render(CERT, namespace="here"), "Certificate")["spec"]
        self.assertEqual(certificate["secretName"], "oomtrail-tls")
        self.assertEqual(certificate["dnsNames"], ["oomtrail.here.svc", "oomtrail.here"])


class Monitoring(unittest.TestCase):
    def test_the_pod_monitor_keeps_the_victims_names(self) -> None:
        spec = find(render(MONITOR), "PodMonitor")["spec"]
        self.assertEqual(spec["selector"]["matchLabels"], SELECTOR)
        endpoint = spec["podMetricsEndpoints"][0]
        self.assertEqual((endpoint["port"], endpoint["honorLabels"]), ("http", True))
        self.assertEqual(endpoint["relabelings"][0]["targetLabel"], "instance")

    def test_the_dashboard_is_json_in_a_labelled_config_map(self) -> None:
        board = find(render(DASHBOARD), "ConfigMap", "oomtrail-dashboard")
        self.assertEqual(board["metadata"]["labels"]["grafana_dashboard"], "1")
        self.assertEqual(json.loads(board["data"]["oomtrail.json"])["uid"], "oomtrail")

    def test_the_quota_is_for_the_priority_of_the_pods(self) -> None:
        scope = find(render(QUOTA), "ResourceQuota")["spec"]["scopeSelector"]["matchExpressions"][0]
        self.assertEqual(scope["values"], ["system-node-critical"])


class Test(unittest.TestCase):
    def test_looks_for_the_kill_of_its_own_init_container(self) -> None:
        pod = find(render(), "Pod", "oomtrail-test")
        self.assertEqual(pod["metadata"]["annotations"]["helm.sh/hook"], "test")
        victim, finder = pod["spec"]["initContainers"][0], pod["spec"]["containers"][0]
        self.assertEqual(victim["resources"]["limits"]["memory"], "64Mi")
        self.assertIn(f"--container={victim['name']}", finder["args"])
        self.assertEqual(pod["spec"]["restartPolicy"], "OnFailure")
        for container in (victim, finder):
            self.assertEqual(container["securityContext"]["capabilities"], {"drop": ["ALL"]})

    def test_is_not_there_without_a_socket(self) -> None:
        self.assertIsNone(find(render({"socket": {"enabled": False}}), "Pod", "oomtrail-test"))


class Cleanup(unittest.TestCase):
    def test_comes_before_anything_is_deleted_and_goes_by_itself(self) -> None:
        hooks = [one for one in render() if one["metadata"]["name"] == "oomtrail-cleanup"]
        order = [(int(one["metadata"]["annotations"]["helm.sh/hook-weight"]), one["kind"]) for one in hooks]
        self.assertEqual(sorted(order), [(-10, "Role"), (-10, "RoleBinding"), (-10, "ServiceAccount"),
                                         (-5, "DaemonSet"), (0, "Job")])
        for one in hooks:
            annotations = one["metadata"]["annotations"]
            self.assertEqual(annotations["helm.sh/hook"], "pre-delete")
            self.assertEqual(annotations["helm.sh/hook-delete-policy"],
                             "before-hook-creation,hook-succeeded,hook-failed")

    def test_is_not_taken_for_an_agent(self) -> None:
        labels = find(render(), "DaemonSet", "oomtrail-cleanup")["spec"]["template"]["metadata"]["labels"]
        self.assertFalse(SELECTOR.items() <= labels.items())

    def test_runs_where_agents_run_and_removes_what_they_leave(self) -> None:
        values = {"nodeSelector": {"pool": "big"}, "pin": {"bpffs": "/run/bpffs"}, "socket": {"hostPath": "/run/x"}}
        documents = render(values)
        pods = [find(documents, "DaemonSet", name)["spec"]["template"]["spec"] for name in ("oomtrail", "oomtrail-cleanup")]
        for part in ("nodeSelector", "tolerations", "priorityClassName"):
            self.assertEqual(pods[0][part], pods[1][part])
        volumes = [{one["name"]: one["hostPath"]["path"] for one in pod["volumes"]} for pod in pods]
        self.assertLessEqual(volumes[1].items(), volumes[0].items())
        self.assertEqual(set(volumes[1]), {"bpffs", "socket"})

    def test_waits_for_itself_with_one_right(self) -> None:
        documents = render(namespace="here")
        job = find(documents, "Job", "oomtrail-cleanup")["spec"]["template"]["spec"]["containers"][0]
        self.assertIn("--await=here/oomtrail-cleanup", job["args"])
        self.assertEqual(find(documents, "Role", "oomtrail-cleanup")["rules"],
                         [{"apiGroups": ["apps"], "resources": ["daemonsets"],
                           "resourceNames": ["oomtrail-cleanup"], "verbs": ["get"]}])


class EveryObject(unittest.TestCase):
    def test_is_what_kubernetes_and_the_operators_accept(self) -> None:
        files = sorted((chart.CHART / "ci").glob("*-values.yaml"))
        self.assertGreater(len(files), 5)
        for values in [None, *files]:
            with self.subTest(values.name if values else "defaults"):
                documents = render({}, *(["--values", str(values)] if values else []))
                self.assertEqual([line for one in documents for line in schemas.complaints(one)], [])

    def test_a_wrong_field_would_be_found(self) -> None:
        wrong = find(render(), "DaemonSet")
        wrong["spec"]["template"]["spec"]["tolerate"] = True
        self.assertEqual(len(schemas.complaints(wrong)), 1)

    def test_has_the_recommended_labels_and_the_release_in_its_name(self) -> None:
        for one in render(EVERYTHING, release="mine", namespace="here"):
            labels = one["metadata"]["labels"]
            for label in ("name", "instance", "version", "component", "part-of", "managed-by"):
                self.assertIn(f"app.kubernetes.io/{label}", labels, one["kind"])
            self.assertTrue(one["metadata"]["name"].startswith("mine-oomtrail"), one["metadata"]["name"])

    def test_two_releases_share_no_name(self) -> None:
        def names(release: str) -> set:
            return {(one["kind"], one["metadata"]["name"]) for one in render(EVERYTHING, release=release)}
        self.assertFalse(names("one") & names("two"))


if __name__ == "__main__":
    unittest.main()
