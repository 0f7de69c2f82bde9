#include <algorithm>

#include "kernels/elementwise/device_loop.hpp"
#include "kernels/elementwise/elementwise.hpp"
#include "kernels/elementwise/instances.hpp"

namespace orbitgrad::kernels {
namespace {

template <class From, class To>
void launch_copy(View<const From> in, View<To> out) {
  launch_elementwise<Convert<To>, To, From>("elementwise.copy/strided", out, in);
}

template <class T>
void launch_where(View<const bool> condition, View<const T> a, View<const T> b, View<T> out) {
  launch_elementwise<Where, T, bool, T, T>("elementwise.where/strided", out, condition, a, b);
}

// --- Transposition: the input is dense along another axis than the output. ---

constexpr int tile = 32, tile_rows = 8;

/// Axes of the loop over tiles: all others, then the input's dense axis ("row" of the output), then the output's.
struct TransposeTiles {
  DeviceLoop<2> loop;
  std::int64_t rows, columns, row_tiles, column_tiles;
  std::int64_t out_row_stride, in_column_stride;
};

/// Tiles through shared memory, so that reads and writes both run along a dense axis; the padding keeps the columns of
/// a tile in different banks.
template <class T>
__global__ void transpose_kernel(TransposeTiles tiles, const T* in, T* out) {
  SIM_SHARED(held, T[tile][tile + 1]);
  const std::int64_t index = blockIdx.x;
  const std::int64_t column = index % tiles.column_tiles * tile,
                     row = index / tiles.column_tiles % tiles.row_tiles * tile;
  const auto start = tiles.loop.offsets(index);
  const int x = static_cast<int>(threadIdx.x);
  for (int y = static_cast<int>(threadIdx.y); y < tile; y += tile_rows)
    if (row + x < tiles.rows && column + y < tiles.columns)
      held[y][x] = in[start.of[1] + x + y * tiles.in_column_stride];
  __syncthreads();
  for (int y = static_cast<int>(threadIdx.y); y < tile; y += tile_rows)
    if (row + y < tiles.rows && column + x < tiles.columns)
      out[start.of[0] + y * tiles.out_row_stride + x] = held[x][y];
}

/// The axis along which the input is dense, if it is not the last one and both are worth a tile; else -1.
int transposed_axis(int rank, const std::int64_t* size, const std::int64_t* in_stride) {
  for (int axis = 0; axis + 1 < rank; ++axis)
    if (in_stride[axis] == 1 && size[axis] >= tile / 2 && in_stride[rank - 1] != 1 && size[rank - 1] >= tile / 2)
      return axis;
  return -1;
}

template <class T>
bool is_transposed(const View<const T>& in) {
  return transposed_axis(in.rank, in.size, in.stride) >= 0;
}

template <class T>
void launch_transpose(View<const T> in, View<T> out) {
  StridedLoop<2> loop(out.rank, out.size, {out.stride, in.stride});
  std::int64_t in_stride[max_rank];
  for (int axis = 0; axis < loop.rank; ++axis) in_stride[axis] = loop.stride[axis][1];
  const int dense = transposed_axis(loop.rank, loop.size, in_stride), last = loop.rank - 1;
  if (dense < 0 || loop.stride[last][0] != 1) return launch_copy<T, T>(in, out);
  if (loop.numel() == 0) return;
  std::rotate(loop.size + dense, loop.size + dense + 1, loop.size + last);
  std::rotate(loop.stride + dense, loop.stride + dense + 1, loop.stride + last);
  const int row = last - 1;
  const std::int64_t rows = loop.size[row], columns = loop.size[last];
  const std::int64_t out_row_stride = loop.stride[row][0], in_column_stride = loop.stride[last][1];
  for (const int axis : {row, last}) {
    loop.size[axis] = (loop.size[axis] + tile - 1) / tile;
    for (std::int64_t& stride : loop.stride[axis]) stride *= tile;
  }
  const TransposeTiles tiles{DeviceLoop<2>(loop), rows,           columns,         loop.size[row],
                             loop.size[last],     out_row_stride, in_column_stride};
  launch("elementwise.copy/transposed_tiles", transpose_kernel<T>,
         {.grid = static_cast<unsigned>(loop.numel()), .block = {tile, tile_rows}}, tiles, in.data, out.data);
}

template <class T>
void register_transpose() {
  Registration<Copy<T, T>>({"transposed_tiles", this_device, is_transposed<T>, launch_transpose<T>});
}

struct RegisterCopy {
  RegisterCopy() {
#define REGISTER_COPY(From, To) register_version<Copy<From, To>>("strided", launch_copy<From, To>);
#define REGISTER_SAME_TYPE(T)                                   \
  register_version<WhereSelect<T>>("strided", launch_where<T>); \
  register_transpose<T>();
    ORBITGRAD_COPY_INSTANCES(REGISTER_COPY)
    ORBITGRAD_ELEMENT_TYPES(REGISTER_SAME_TYPE)
    register_transpose<Bfloat16>();
    register_transpose<Float16>();
#undef REGISTER_COPY
#undef REGISTER_SAME_TYPE
  }
};
const RegisterCopy register_copy;

}  // namespace
}  // namespace orbitgrad::kernels
