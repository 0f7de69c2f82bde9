// DLPack: memory goes out without a copy and lives as long as it is used; what comes in is checked.
#include "engine/io/dlpack.hpp"

#include <gtest/gtest.h>

#include <array>
#include <memory>

#include "engine/ops/creation.hpp"
#include "engine/ops/shape_ops.hpp"
#include "tests/engine/expect_error.hpp"

namespace orbitgrad {
namespace {

using namespace dlpack;

constexpr DeviceKind cpu = DeviceKind::cpu;

struct Release {
  void operator()(DLManagedTensor* managed) const { managed->deleter(managed); }
};
using Owned = std::unique_ptr<DLManagedTensor, Release>;

TEST(DLPack, ExportsViewsWithoutACopy) {
  const Tensor x = transpose(from_vector<float>({1, 2, 3, 4, 5, 6}, {2, 3}, cpu));
  const Owned managed(to_dlpack(x));
  const DLTensor& out = managed->dl_tensor;
  EXPECT_EQ(out.data, x.data<float>());
  EXPECT_EQ(out.device.device_type, dl_cpu);
  EXPECT_EQ(out.ndim, 2);
  EXPECT_EQ(out.shape[0], 3);
  EXPECT_EQ(out.strides[0], 1);
  EXPECT_EQ(out.strides[1], 3);
  EXPECT_EQ(out.dtype.code, dl_float);
  EXPECT_EQ(out.dtype.bits, 32);
  EXPECT_EQ(out.dtype.lanes, 1);
}

TEST(DLPack, HalfTypesHaveTheirCodes) {
  const Owned brain(to_dlpack(ones({2}, DType::bfloat16, cpu))), half(to_dlpack(ones({2}, DType::float16, cpu)));
  EXPECT_EQ(brain->dl_tensor.dtype.code, 4);  // kDLBfloat
  EXPECT_EQ(half->dl_tensor.dtype.code, 2);   // kDLFloat
  EXPECT_EQ(static_cast<const std::uint16_t*>(brain->dl_tensor.data)[1], 0x3f80);
  EXPECT_EQ(static_cast<const std::uint16_t*>(half->dl_tensor.data)[1], 0x3c00);
  for (const Owned* each : {&brain, &half}) EXPECT_EQ((*each)->dl_tensor.dtype.bits, 16);
}

TEST(DLPack, MemoryLivesUntilTheDeleterIsCalled) {
  Owned managed;
  std::weak_ptr<Storage> storage;
  {
    const Tensor x = ones({4}, DType::float64, cpu);
    storage = x.body().storage;
    managed.reset(to_dlpack(x));
  }
  EXPECT_FALSE(storage.expired());
  EXPECT_EQ(static_cast<const double*>(managed->dl_tensor.data)[3], 1);
  managed.reset();
  EXPECT_TRUE(storage.expired());
}

TEST(DLPack, EveryTypeAndLayoutComesBack) {
  for (const DType dtype :
       {DType::float32, DType::float64, DType::int64, DType::int32, DType::boolean, DType::bfloat16, DType::float16}) {
    const Tensor base = arange(24, DType::int64, cpu).to(dtype);
    for (const Tensor& x :
         {reshape(base, {2, 3, 4}), permute(reshape(base, {2, 3, 4}), {2, 0, 1}), flip(reshape(base, {4, 6}), {0, 1}),
          slice(base, 0, {.start = 1, .stop = 20, .step = 3}), broadcast_to(narrow(base, 0, 2, 1), {5, 1}),
          reshape(narrow(base, 0, 3, 1), {}), narrow(base, 0, 0, 0)}) {
      const Tensor back = from_dlpack(to_dlpack(x));
      EXPECT_EQ(back.dtype(), dtype);
      EXPECT_EQ(back.shape(), x.shape());
      EXPECT_EQ(back.to(DType::float64).to_vector<double>(), x.to(DType::float64).to_vector<double>());
    }
  }
}

/// A producer of another library, whose deleter counts its calls.
struct Producer {
  std::array<float, 6> values = {1, 2, 3, 4, 5, 6};
  std::array<std::int64_t, 9> shape = {2, 3, 1, 1, 1, 1, 1, 1, 1};
  int deleted = 0;
  DLManagedTensor managed{{values.data(), {dl_cpu, 0}, 2, {dl_float, 32, 1}, shape.data(), nullptr, 0},
                          this,
                          [](DLManagedTensor* self) { ++static_cast<Producer*>(self->manager_ctx)->deleted; }};
  DLTensor& tensor() { return managed.dl_tensor; }
};

TEST(DLPack, ReadsDenseArraysAndOffsets) {
  Producer all;
  EXPECT_EQ(from_dlpack(&all.managed).to_vector<float>(), (std::vector<float>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(all.deleted, 1);
  Producer later;
  later.tensor().byte_offset = 8;
  later.shape = {2, 2};
  EXPECT_EQ(from_dlpack(&later.managed).to_vector<float>(), (std::vector<float>{3, 4, 5, 6}));
}

TEST(DLPack, RefusesWhatItCannotRead) {
  const auto refuses = [](const auto& spoil, const std::string& part) {
    Producer producer;
    spoil(producer);
    EXPECT_ERROR(from_dlpack(&producer.managed), part);
    EXPECT_EQ(producer.deleted, 0) << part;
  };
  EXPECT_ERROR(from_dlpack(nullptr), "null");
  refuses([](Producer& p) { p.tensor().device.device_type = dl_cuda; }, "device type 2");
  refuses([](Producer& p) { p.tensor().ndim = 9; }, "rank is 9");
  refuses([](Producer& p) { p.tensor().ndim = -1; }, "rank is -1");
  refuses([](Producer& p) { p.tensor().shape = nullptr; }, "no shape");
  refuses([](Producer& p) { p.tensor().data = nullptr; }, "no data");
  refuses([](Producer& p) { p.tensor().dtype = {dl_float, 8, 1}; }, "8 bits");
  refuses([](Producer& p) { p.tensor().dtype = {dl_float, 32, 4}; }, "4 lanes");
  refuses([](Producer& p) { p.shape[0] = -2; }, "-2");
  refuses([](Producer& p) { p.shape = {std::int64_t{1} << 40, std::int64_t{1} << 40}; }, "from_dlpack");
  refuses([](Producer& p) { p.tensor().byte_offset = 2; }, "not aligned");
  if (const Tensor x = ones({2}); x.device() == DeviceKind::sim) EXPECT_ERROR(to_dlpack(x), "x.to(DeviceKind::cpu)");
}

}  // namespace
}  // namespace orbitgrad
