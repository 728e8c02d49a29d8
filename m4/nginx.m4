dnl SPDX-License-Identifier: Apache-2.0
dnl The gateway module is compiled against Debian's unconfigured nginx sources.

AC_DEFUN([AZIMUTH_NGINX], [
  AC_ARG_WITH([nginx-source],
    [AS_HELP_STRING([--with-nginx-source=DIR],
      [nginx sources with conf_flags (default /usr/share/nginx/src)])],
    [NGINX_SOURCE=$withval], [NGINX_SOURCE=/usr/share/nginx/src])
  AS_IF([test -r "$NGINX_SOURCE/conf_flags"], [],
    [AC_MSG_ERROR([no nginx sources in $NGINX_SOURCE: apt-get install nginx-dev])])
  AC_SUBST([NGINX_SOURCE])
])
