dnl SPDX-License-Identifier: Apache-2.0
dnl Warnings, hardening and sanitizers. Never written into the user's CFLAGS.

AC_DEFUN([AZIMUTH_FLAGS], [
  AC_ARG_ENABLE([werror],
    [AS_HELP_STRING([--enable-werror], [treat warnings as errors])])
  AC_ARG_WITH([sanitizer],
    [AS_HELP_STRING([--with-sanitizer=LIST],
      [build with -fsanitize=LIST (address, undefined, thread)])])

  WARN_CFLAGS=
  AX_APPEND_COMPILE_FLAGS([-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wformat=2 -Wvla -Walloca -Wundef -Wcast-qual -Wcast-align=strict -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wwrite-strings -Wnull-dereference -Wdouble-promotion -Wlogical-op -Wduplicated-cond -Wimplicit-fallthrough=5 -Wswitch-enum -Wframe-larger-than=8192 -Wdate-time], [WARN_CFLAGS], [-Werror])

  HARDEN_CFLAGS=
  HARDEN_LDFLAGS=
  AS_IF([test "x$with_sanitizer" = x], [
    HARDEN_CFLAGS="-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3"
    AX_APPEND_COMPILE_FLAGS([-fstack-protector-strong -fstack-clash-protection -fcf-protection=full -ftrivial-auto-var-init=zero], [HARDEN_CFLAGS], [-Werror])
  ], [
    AS_CASE([$with_sanitizer], [yes|no],
      [AC_MSG_ERROR([--with-sanitizer needs a list: address,undefined or thread])])
    HARDEN_CFLAGS="-O1 -g -U_FORTIFY_SOURCE -fno-omit-frame-pointer -fsanitize=$with_sanitizer -fno-sanitize-recover=all"
    HARDEN_LDFLAGS="-fsanitize=$with_sanitizer"
    dnl Sanitizers put room around each variable; the limit is for what ships.
    WARN_CFLAGS="$WARN_CFLAGS -Wframe-larger-than=32768"
  ])
  AX_APPEND_COMPILE_FLAGS([-fno-common -fvisibility=hidden -fno-math-errno -fPIC], [HARDEN_CFLAGS], [-Werror])
  AX_APPEND_LINK_FLAGS([-Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack],
    [HARDEN_LDFLAGS])

  dnl Last, so that no check above fails because of it.
  AS_IF([test "x$enable_werror" = xyes], [WERROR_CFLAGS=-Werror], [WERROR_CFLAGS=])
  AC_SUBST([WARN_CFLAGS])
  AC_SUBST([WERROR_CFLAGS])
  AC_SUBST([HARDEN_CFLAGS])
  AC_SUBST([HARDEN_LDFLAGS])
])
