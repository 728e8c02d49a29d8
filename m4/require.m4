dnl SPDX-License-Identifier: Apache-2.0
dnl Each missing dependency ends configure with the Debian package to install.

dnl AZIMUTH_REQUIRE(PREFIX, PKG-CONFIG MODULE, DEBIAN PACKAGE)
AC_DEFUN([AZIMUTH_REQUIRE], [
  PKG_CHECK_MODULES([$1], [$2], [],
    [AC_MSG_ERROR([$2 is missing: apt-get install $3])])
])

dnl AZIMUTH_REQUIRE_HEADER(PREFIX, HEADER, LIBRARY, FUNCTION, DEBIAN PACKAGE)
dnl For libraries that ship no pkg-config file on every supported release.
AC_DEFUN([AZIMUTH_REQUIRE_HEADER], [
  AC_CHECK_HEADER([$2], [],
    [AC_MSG_ERROR([the header $2 is missing: apt-get install $5])])
  AC_CHECK_LIB([$3], [$4], [$1_LIBS="-l$3"],
    [AC_MSG_ERROR([the library $3 is missing: apt-get install $5])])
  AC_SUBST([$1_LIBS])
])

AC_DEFUN([AZIMUTH_JEMALLOC], [
  AC_ARG_ENABLE([jemalloc],
    [AS_HELP_STRING([--disable-jemalloc], [link azimuthd to libc's malloc])])
  JEMALLOC_LIBS=
  AS_IF([test "x$enable_jemalloc" != xno && test -z "$with_sanitizer"],
    [AC_CHECK_LIB([jemalloc], [mallctl], [JEMALLOC_LIBS=-ljemalloc],
      [AC_MSG_ERROR([jemalloc is missing: apt-get install libjemalloc-dev, or --disable-jemalloc])])])
  AC_SUBST([JEMALLOC_LIBS])
])
