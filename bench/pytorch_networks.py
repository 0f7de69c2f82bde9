"""The networks of bench/device/step_networks.cpp in PyTorch, each from the tensors that device_step exported: `inputs`
and `parameters` by name. Calling one gives the loss of a training pass."""

import torch
import torch.nn.functional as F

KERNEL, POOLED_LAYER, LAYERS, ORDER = 3, 2, 6, 4


def expand(weight):
    """[out, in, (4,) k, k] -> [4 out, in (4), k, k]: entry (k s, c t, u) is w[k, c, t - s, r^-s u]."""
    banks = []
    for s in range(ORDER):
        turned = torch.rot90(weight, s, dims=(-2, -1))
        banks.append(turned if weight.dim() == 4 else torch.roll(turned, s, dims=2))
    return torch.stack(banks, dim=1).flatten(0, 1).flatten(1, -3)


class Network:
    def __init__(self, parameters, inputs):
        self.parameters, self.inputs = parameters, inputs

    def dense(self, x, name):
        return F.linear(x, self.parameters[name + ".weight"], self.parameters.get(name + ".bias"))

    def loss(self):
        return F.cross_entropy(self.logits(self.inputs["images"]), self.inputs["labels"])


class Mlp(Network):
    def logits(self, x):
        x = x.flatten(1)
        for layer in ("dense1", "dense2"):
            x = torch.relu(self.dense(x, layer))
        return self.dense(x, "top")


class P4cnn(Network):
    """Six 3x3 layers with batch norm and ReLU, 2x2 max-pooling after the second, a 4x4 layer to ten fields, and the
    maximum over the group and what is left of the image."""

    def convolve(self, x, name):
        bias = self.parameters[name + ".bias"].repeat_interleave(ORDER)
        return F.conv2d(x, expand(self.parameters[name + ".weight"]), bias)

    def logits(self, x):
        for layer in range(1, LAYERS + 1):
            x = self.convolve(x, "conv%d" % layer)
            n, channels, height, width = x.shape
            x = x.reshape(n, channels // ORDER, ORDER, height * width)
            gamma, beta = (self.parameters["norm%d.%s" % (layer, name)] for name in ("gamma", "beta"))
            x = F.batch_norm(x, None, None, gamma, beta, training=True)
            x = torch.relu(x).reshape(n, channels, height, width)
            if layer == POOLED_LAYER:
                x = F.max_pool2d(x, 2)
        x = self.convolve(x, "top")
        return x.reshape(x.shape[0], x.shape[1] // ORDER, -1).amax(dim=2)


class VitTiny(Network):
    """12 layers of 192 features and 3 heads on patches of 4x4, which normalise first; class token."""

    HEADS = 3

    def norm(self, x, name):
        weight, bias = self.parameters[name + ".weight"], self.parameters[name + ".bias"]
        return F.layer_norm(x, weight.shape, weight, bias, 1e-6)

    def attend(self, x, name):
        n, length, features = x.shape
        joint = F.linear(x, self.parameters[name + ".in_proj_weight"], self.parameters[name + ".in_proj_bias"])
        q, k, v = joint.reshape(n, length, 3, self.HEADS, features // self.HEADS).permute(2, 0, 3, 1, 4).unbind(0)
        joined = F.scaled_dot_product_attention(q, k, v)
        return self.dense(joined.transpose(1, 2).reshape(n, length, features), name + ".out_proj")

    def logits(self, images):
        weight = self.parameters["conv_proj.weight"]
        x = F.conv2d(images, weight, self.parameters["conv_proj.bias"], stride=weight.shape[-1])
        x = x.flatten(2).transpose(1, 2)
        x = torch.cat((self.parameters["class_token"].expand(len(x), -1, -1), x), 1) + self.parameters["pos_embedding"]
        layers = sum(name.endswith("in_proj_weight") for name in self.parameters)
        for layer in range(layers):
            name = "encoder.layers.%d." % layer
            x = x + self.attend(self.norm(x, name + "norm1"), name + "self_attn")
            hidden = F.gelu(self.dense(self.norm(x, name + "norm2"), name + "linear1"))
            x = x + self.dense(hidden, name + "linear2")
        return self.dense(self.norm(x, "encoder.norm")[:, 0], "head")


class Egnn(Network):
    """Four layers of 64 features on systems of 5 particles, with velocities; the mean squared error of positions."""

    LAYERS = 4

    def perceptron(self, x, name):
        return self.dense(F.silu(self.dense(x, name + ".0")), name + ".2")

    def loss(self):
        x, velocity, attributes = (self.inputs[name] for name in ("coordinates", "velocity", "attributes"))
        source, target = self.inputs["source"], self.inputs["target"]
        h = self.dense(self.inputs["features"], "embedding")
        count = torch.zeros(len(x), 1, dtype=x.dtype, device=x.device)
        count = count.index_add(0, target, torch.ones(len(target), 1, dtype=x.dtype, device=x.device)).clamp(min=1)
        for layer in range(self.LAYERS):
            name = "gcl_%d." % layer
            apart = x[target] - x[source]
            squared = (apart * apart).sum(1, keepdim=True)
            message = F.silu(self.perceptron(torch.cat((h[target], h[source], squared, attributes), 1),
                                             name + "edge_mlp"))
            shift = torch.zeros_like(x).index_add(0, target, apart * self.perceptron(message, name + "coord_mlp"))
            x = x + shift / count + self.perceptron(h, name + "coord_mlp_vel") * velocity
            if layer + 1 < self.LAYERS:  # nothing depends on the features after the last layer
                gathered = torch.zeros_like(h).index_add(0, target, message)
                h = h + self.perceptron(torch.cat((h, gathered), 1), name + "node_mlp")
        return F.mse_loss(x, self.inputs["goal"])


NETWORKS = {"mlp": Mlp, "p4cnn": P4cnn, "vit_tiny": VitTiny, "egnn": Egnn}
