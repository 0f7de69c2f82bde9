// The user's own header, with the name of one of ours.
#pragma once

inline constexpr int users_own_answer = 42;
