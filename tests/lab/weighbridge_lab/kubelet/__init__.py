"""A kubelet whose containers are processes: what turns pods into something that runs.

It registers nodes, watches the pods that the scheduler binds to them, and gives each pod a network
namespace and each container a process under bubblewrap, with the volumes, variables, probes, hooks,
restarts and endings that the pod asks for. It reports to the API server what a real one reports.

What it does not do: enforce resource limits; give a container any capability, or root over its
network (a port below 1024 needs the sysctl net.ipv4.ip_unprivileged_port_start, as on a strict
cluster); tell users apart (a container's user is the kubelet's own under another number, so file
modes and fsGroup keep nobody out); host network, devices, ephemeral containers, in-place resize,
termination messages, activeDeadlineSeconds, events, `kubectl exec` and `attach`. Services have no
address that answers: a Service's name leads to one ready pod, see `hosts`, at the pod's port. When
it ends, its containers end too; the next one starts them anew, as after a reboot of the node.

Read in this order: `kubelet` (the whole), `pods` (one pod's life), `runner` (one container's life),
`launching` and what it draws on (`images`, `environment`, `security`, `volumes`, `filesystem`),
`sandbox` and `container` (where it touches the system), then `probes`, `lifecycle`, `status`.
"""
