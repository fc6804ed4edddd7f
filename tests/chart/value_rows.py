"""For each value of the chart: another than its default, and what then is in what is rendered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

# Where a value has an effect only with others.
TLS = {"grpc": {"tls": {"existingSecret": "agent-tls"}}}
CERT = {"grpc": {"tls": {"certManager": {"enabled": True, "issuerRef": {"name": "ca"}}}}}
MONITOR = {"podMonitor": {"enabled": True}}
RULES = {"prometheusRule": {"enabled": True}}
DASHBOARD = {"dashboard": {"enabled": True}}
POLICY = {"networkPolicy": {"enabled": True}}
QUOTA = {"resourceQuota": {"enabled": True}}

NAMESPACED = "namespace: elsewhere"


@dataclass(frozen=True)
class Row:
    path: str
    value: Any
    there: str | None  # rendered with the value and not with the default; None: the reverse
    gone: str | None = None  # rendered with the default and not with the value
    given: dict[str, Any] | None = None


ROWS = [
    Row("nameOverride", "trail", "app.kubernetes.io/name: trail"),
    Row("fullnameOverride", "trail", "name: trail\n"),
    Row("commonLabels", {"team": "memory"}, "team: memory"),
    Row("image.repository", "registry.example/trail", 'image: "registry.example/trail:'),
    Row("image.tag", "9.9.9", ':9.9.9"'),
    Row("image.digest", "sha256:" + "0" * 64, "oomtrail@sha256:" + "0" * 64),
    Row("image.pullPolicy", "Never", "imagePullPolicy: Never"),
    Row("imagePullSecrets", [{"name": "pull"}], "- name: pull"),
    Row("hookMethod", "kprobe", "--hook-method=kprobe"),
    Row("logFormat", "json", "--log-format=json"),
    Row("eventLabels", ["team", "tier"], "--pod-labels=team,tier"),
    Row("eventAnnotations", ["owner"], "--pod-annotations=owner"),
    Row("maxSubscribers", 7, "--max-subscribers=7"),
    Row("extraArgs", ["--record=/run/oomtrail/kills.rec"], "- --record=/run/oomtrail/kills.rec"),
    Row("extraEnv", [{"name": "GRPC_VERBOSITY", "value": "DEBUG"}], "- name: GRPC_VERBOSITY"),
    Row("extraVolumes", [{"name": "more", "emptyDir": {}}], "name: more"),
    Row("extraVolumeMounts", [{"name": "more", "mountPath": "/more"}], "mountPath: /more"),
    Row("cri.enabled", False, "--cri-endpoint=none", "mountPath: /run/containerd"),
    Row("cri.endpoint", "unix:///run/crio/crio.sock", "--cri-endpoint=unix:///run/crio/crio.sock"),
    Row("cri.socketDirs", ["/run/k3s/containerd"], "path: /run/k3s/containerd", "path: /run/crio"),
    Row("cri.mountPropagation", "None", "mountPropagation: None"),
    Row("kubelet.enabled", False, None, "--kubelet-url"),
    Row("kubelet.url", "https://$(NODE_NAME):10250", "--kubelet-url=https://$(NODE_NAME):10250"),
    Row("kubelet.ca.configMap", "kubelet-ca", "--kubelet-ca=/etc/oomtrail/kubelet/ca.crt"),
    Row("kubelet.ca.key", "kubelet.pem", "key: kubelet.pem",
        given={"kubelet": {"ca": {"configMap": "kubelet-ca"}}}),
    Row("kubelet.insecure", True, "- --kubelet-insecure", "--kubelet-ca="),
    Row("pin.enabled", False, "--pin=none", "name: bpffs"),
    Row("pin.bpffs", "/run/bpffs", "path: /run/bpffs"),
    Row("journal.enabled", False, "--journal=none", "name: journal"),
    Row("journal.hostPath", "/srv/oomtrail", "path: /srv/oomtrail"),
    Row("journal.maxMiB", 8, "--journal-max-mib=8"),
    Row("journal.maxDays", 1, "--journal-max-days=1"),
    Row("socket.enabled", False, "--listen=none", "name: oomtrail-test"),
    Row("socket.hostPath", "/run/other", "path: /run/other"),
    Row("httpPort", 9000, "--http-listen=:9000"),
    Row("grpc.port", 9001, "--listen=:9001", given=TLS),
    Row("grpc.tls.existingSecret", "agent-tls", "--tls-cert=/etc/oomtrail/tls/tls.crt"),
    Row("grpc.tls.clientCa.configMap", "clients", "name: clients", given=TLS),
    Row("grpc.tls.clientCa.key", "clients.pem", "key: clients.pem", given=TLS),
    Row("grpc.tls.allow", ["spiffe://cluster/controller"], "--tls-allow=spiffe://cluster/controller", given=TLS),
    Row("grpc.tls.certManager.enabled", True, "kind: Certificate",
        given={"grpc": {"tls": {"certManager": {"issuerRef": {"name": "ca"}}}}}),
    Row("grpc.tls.certManager.issuerRef.name", "other", "name: other", given=CERT),
    Row("grpc.tls.certManager.issuerRef.kind", "ClusterIssuer", "kind: ClusterIssuer", given=CERT),
    Row("grpc.tls.certManager.issuerRef.group", "issuers.example", "group: issuers.example", given=CERT),
    Row("grpc.tls.certManager.duration", "24h", "duration: 24h", given=CERT),
    Row("grpc.tls.certManager.renewBefore", "8h", "renewBefore: 8h", given=CERT),
    Row("grpc.tls.certManager.dnsNames", ["oomtrail.example"], '- "oomtrail.example"', given=CERT),
    Row("grpc.insecure", True, "- --insecure"),
    Row("service.enabled", False, None, "kind: Service\n"),
    Row("service.annotations", {"a": "service"}, "a: service"),
    Row("serviceAccount.create", False, "serviceAccountName: default", "kind: ServiceAccount\nmetadata:\n  name: oomtrail\n"),
    Row("serviceAccount.name", "watcher", "serviceAccountName: watcher"),
    Row("serviceAccount.annotations", {"a": "account"}, "a: account"),
    Row("rbac.create", False, None, "kind: ClusterRole\n"),
    Row("rbac.nodesProxy", True, "- nodes/proxy"),
    Row("privileged", True, "privileged: true", "- PERFMON"),
    Row("capabilities.sysResource", True, "- SYS_RESOURCE"),
    Row("capabilities.extra", ["SYSLOG"], "- SYSLOG"),
    Row("seccompProfile.type", "Unconfined", "type: Unconfined"),
    Row("seccompProfile.localhostProfile", "bpf.json", "localhostProfile: bpf.json",
        given={"seccompProfile": {"type": "Localhost"}}),
    Row("appArmorProfile.type", "Unconfined", "appArmorProfile:\n"),
    Row("appArmorProfile.localhostProfile", "oomtrail", "localhostProfile: oomtrail",
        given={"appArmorProfile": {"type": "Localhost"}}),
    Row("seLinuxOptions.type", "super_t", "type: super_t", "type: spc_t"),
    Row("tracefs.enabled", True, "mountPath: /sys/kernel/tracing"),
    Row("tracefs.hostPath", "/sys/kernel/debug/tracing", "path: /sys/kernel/debug/tracing",
        given={"tracefs": {"enabled": True}}),
    Row("resources", {"limits": {"memory": "99Mi"}}, "memory: 99Mi"),
    Row("priorityClassName", "mine", "priorityClassName: mine"),
    Row("resourceQuota.enabled", True, "kind: ResourceQuota"),
    Row("resourceQuota.pods", "7", 'pods: "7"', given=QUOTA),
    Row("nodeSelector", {"pool": "big"}, "pool: big"),
    Row("tolerations", [{"key": "only", "operator": "Exists"}], "key: only"),
    Row("affinity", {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
        {"matchExpressions": [{"key": "gpu", "operator": "DoesNotExist"}]}]}}}, "key: gpu"),
    Row("updateStrategy.type", "OnDelete", "type: OnDelete", "rollingUpdate:"),
    Row("updateStrategy.rollingUpdate.maxUnavailable", 3, "maxUnavailable: 3"),
    Row("terminationGracePeriodSeconds", 11, "terminationGracePeriodSeconds: 11"),
    Row("hostNetwork", True, "hostNetwork: true"),
    Row("dnsPolicy", "Default", "dnsPolicy: Default"),
    Row("annotations", {"a": "daemonset"}, "a: daemonset"),
    Row("podAnnotations", {"a": "pod"}, "a: pod"),
    Row("podLabels", {"l": "pod"}, "l: pod"),
    Row("livenessProbe.initialDelaySeconds", 77, "initialDelaySeconds: 77"),
    Row("livenessProbe.periodSeconds", 78, "periodSeconds: 78"),
    Row("livenessProbe.timeoutSeconds", 79, "timeoutSeconds: 79"),
    Row("livenessProbe.failureThreshold", 80, "failureThreshold: 80"),
    Row("readinessProbe.initialDelaySeconds", 81, "initialDelaySeconds: 81"),
    Row("readinessProbe.periodSeconds", 82, "periodSeconds: 82"),
    Row("readinessProbe.timeoutSeconds", 83, "timeoutSeconds: 83"),
    Row("readinessProbe.failureThreshold", 84, "failureThreshold: 84"),
    Row("podMonitor.enabled", True, "kind: PodMonitor"),
    Row("podMonitor.namespace", "elsewhere", NAMESPACED, given=MONITOR),
    Row("podMonitor.labels", {"release": "kps"}, "release: kps", given=MONITOR),
    Row("podMonitor.interval", "7s", "interval: 7s", given=MONITOR),
    Row("podMonitor.scrapeTimeout", "6s", "scrapeTimeout: 6s", given=MONITOR),
    Row("podMonitor.relabelings", [{"targetLabel": "zone", "replacement": "a"}], "targetLabel: zone", given=MONITOR),
    Row("podMonitor.metricRelabelings", [{"regex": "process_.*", "action": "drop", "sourceLabels": ["__name__"]}],
        "regex: process_.*", given=MONITOR),
    Row("prometheusRule.enabled", True, "kind: PrometheusRule"),
    Row("prometheusRule.namespace", "elsewhere", NAMESPACED, given=RULES),
    Row("prometheusRule.labels", {"release": "kps"}, "release: kps", given=RULES),
    Row("prometheusRule.alertLabels", {"severity": "page"}, "severity: page", "severity: info", given=RULES),
    Row("prometheusRule.repeatedKills", 5, "> 4.5", given=RULES),
    Row("prometheusRule.disabled", ["OomtrailDown"], None, "alert: OomtrailDown", given=RULES),
    Row("prometheusRule.runbookUrl", "https://wiki.example/oom", "https://wiki.example/oom#containeroomkilled", given=RULES),
    Row("dashboard.enabled", True, 'grafana_dashboard: "1"'),
    Row("dashboard.namespace", "elsewhere", NAMESPACED, given=DASHBOARD),
    Row("dashboard.labels", {"grafana_dashboard": "yes"}, 'grafana_dashboard: "yes"', given=DASHBOARD),
    Row("dashboard.annotations", {"folder": "memory"}, "folder: memory", given=DASHBOARD),
    Row("networkPolicy.enabled", True, "kind: NetworkPolicy"),
    Row("networkPolicy.metricsFrom", [], "ingress: []", given=POLICY),
    Row("networkPolicy.grpcFrom", [{"podSelector": {"matchLabels": {"app": "controller"}}}], "app: controller",
        given={**POLICY, **TLS}),
    Row("test.memory", "99Mi", "memory: 99Mi"),
    Row("test.timeoutSeconds", 90, "activeDeadlineSeconds: 90"),
    Row("test.nodeSelector", {"pool": "test"}, "pool: test"),
    Row("test.tolerations", [{"key": "test", "operator": "Exists"}], "key: test"),
    Row("cleanup.enabled", False, None, "name: oomtrail-cleanup"),
    Row("cleanup.removeJournal", True, "- --journal=/var/lib/oomtrail\n            - --stay"),
    Row("cleanup.timeoutSeconds", 45, "--timeout=45s"),
]
