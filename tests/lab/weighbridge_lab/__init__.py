"""A whole service mesh on one machine, without containers, root or a cloud.

Real etcd, kube-apiserver, kube-controller-manager, kube-scheduler, istiod and Envoy, in Linux
namespaces of their own; pods are processes. Read `lab` for what a test can ask for, `supervisor`
for what runs, `kubelet` for how a pod becomes processes.
"""
