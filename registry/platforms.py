"""What a node of EKS, GKE or AKS really offers to a pod: its machine, less what the cloud and its own pods keep."""

from dataclasses import dataclass

from registry.records import Cloud, Machine

GIB = 1024  # MiB
# The kernel and firmware keep 1-3 % of a machine's memory; EKS's own estimates use 7.5 % for the virtual machine.
VM_OVERHEAD: dict[Cloud, float] = {"aws": 0.075, "gcp": 0.03, "azure": 0.03}
EVICTION = 100  # MiB, the hard eviction threshold of all three

# https://github.com/awslabs/amazon-eks-ami: 255 MiB + 11 MiB for each pod that the node may run; 58 is an xlarge's.
EKS_BASE, EKS_PER_POD, EKS_PODS = 255, 11, 58
# https://cloud.google.com/kubernetes-engine/docs/concepts/plan-node-sizes (2026-08): share of each slice, in GiB.
GKE_SLICES = ((4, 0.25), (4, 0.20), (8, 0.10), (112, 0.06))
GKE_ABOVE = 0.02
# https://learn.microsoft.com/azure/aks/node-resource-reservations (2026-08), Kubernetes 1.29 and later: 20 MB for each
# pod and 50 MB, at most a quarter. 30 is the pods that a pool of ours allows.
AKS_PER_POD, AKS_BASE, AKS_SHARE, AKS_PODS = 20, 50, 0.25, 30
MEGABYTE = 1e6 / 2**20

# https://cloud.google.com/kubernetes-engine/docs/concepts/plan-node-sizes; EKS uses the same shares of cores.
CPU_SHARES = ((1, 0.06), (1, 0.01), (2, 0.005))
CPU_ABOVE = 0.0025
# https://learn.microsoft.com/azure/aks/node-resource-reservations: millicores kept, by cores.
AKS_CPU = ((1, 60), (2, 100), (4, 140), (8, 180), (16, 260), (32, 420), (64, 740))

# What DaemonSets ask for on a fresh node, in millicores and MiB (from memory; a reading on a real node is better).
SYSTEM_PODS: dict[Cloud, tuple[int, int]] = {"aws": (180, 120), "gcp": (350, 500), "azure": (350, 500)}


# AVX2 is what makes a K-quant usable on x86: without it the prompt is forty times slower.
NEEDED_ISA = {"amd64": "avx2", "arm64": "dotprod"}


@dataclass(frozen=True)
class Offer:
    """What is left for a pod of ours: millicores, and MiB."""

    cpu: int
    memory: int


def offer(cloud: Cloud, machine: Machine) -> Offer:
    """What a fresh node of this machine type offers to one pod."""
    cpu, memory = allocatable(cloud, machine)
    system_cpu, system_memory = SYSTEM_PODS[cloud]
    return Offer(max(0, int(cpu - system_cpu)), max(0, int(memory - system_memory)))


def allocatable(cloud: Cloud, machine: Machine) -> tuple[float, float]:
    """What Kubernetes may give to pods of this node: the published value, else the published formula."""
    if cloud == "aws" and machine.allocatable:
        return machine.allocatable.cpu, machine.allocatable.memory
    total = machine.memory * GIB * (1 - VM_OVERHEAD[cloud])
    return machine.vcpu * 1000 - _kept_cpu(cloud, machine.vcpu), total - _kept_memory(cloud, machine) - EVICTION


def _kept_memory(cloud: Cloud, machine: Machine) -> float:
    if cloud == "aws":
        return EKS_BASE + EKS_PER_POD * EKS_PODS
    if cloud == "azure":
        return min((AKS_PER_POD * AKS_PODS + AKS_BASE) * MEGABYTE, machine.memory * GIB * AKS_SHARE)
    if machine.memory < 1:
        return 255
    return _sliced(machine.memory, GKE_SLICES, GKE_ABOVE) * GIB


def _kept_cpu(cloud: Cloud, vcpu: int) -> float:
    if cloud == "azure":
        return next((kept for cores, kept in AKS_CPU if vcpu <= cores), AKS_CPU[-1][1])
    return _sliced(vcpu, CPU_SHARES, CPU_ABOVE) * 1000


def _sliced(amount: float, slices: tuple[tuple[float, float], ...], above: float) -> float:
    """A share of each slice of the amount, and of what is above them."""
    kept = 0.0
    for width, share in slices:
        kept += min(amount, width) * share
        amount = max(0.0, amount - width)
    return kept + amount * above


def is_suitable(machine: Machine) -> bool:
    """Whether every machine of this type has the instructions that quantized models need, or can be asked for."""
    return NEEDED_ISA[machine.arch] in machine.isa or machine.min_cpu_platform is not None
