// All layers at once.
#pragma once

#include "nn/activation.hpp"
#include "nn/batch_norm.hpp"
#include "nn/convolution.hpp"
#include "nn/embedding.hpp"
#include "nn/layer_norm.hpp"
#include "nn/linear.hpp"
#include "nn/module.hpp"
#include "nn/pooling.hpp"
