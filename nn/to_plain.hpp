// A trained network with regular features as an ordinary one: the filters are expanded once and for all, batch norm
// goes into the convolution before it, and what is left any library runs. Regular features [N, C, S, H, W] stand as
// channels c S + s, [N, C S, H, W], so
//   conv(x)[k S + s] = b[k] + sum_{c,t} x[c S + t] * bank[k S + s, c S + t],   bank of
//   engine/ops/group_convolution.hpp.
#pragma once

#include "nn/module.hpp"

namespace orbitgrad::nn {

/// The outputs are those of an evaluation pass of the network, up to rounding; regular features that it returns stand
/// as channels. Names stay, layers that do nothing in evaluation and folded ones go; a group convolution with its ReLU
/// (GroupConv2dOptions::relu) becomes the two layers `convolution` and `relu`. The weights are copies. Input:
/// images [N, C, H, W]. Error: a layer has no plain form.
std::shared_ptr<Module> to_plain(const Module& network);

}  // namespace orbitgrad::nn
