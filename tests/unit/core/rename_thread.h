/* SPDX-License-Identifier: ISC */
/* Ours by other names, so that the host's own, which its libc uses, stay what they are. */
#define pthread_mutexattr_init    os_pthread_mutexattr_init
#define pthread_mutexattr_settype os_pthread_mutexattr_settype
#define pthread_mutexattr_destroy os_pthread_mutexattr_destroy
#define pthread_mutex_init        os_pthread_mutex_init
#define pthread_mutex_destroy     os_pthread_mutex_destroy
#define pthread_mutex_lock        os_pthread_mutex_lock
#define pthread_mutex_trylock     os_pthread_mutex_trylock
#define pthread_mutex_unlock      os_pthread_mutex_unlock
#define pthread_create            os_pthread_create
#define pthread_join              os_pthread_join
#define pthread_rwlock_init       os_pthread_rwlock_init
#define pthread_rwlock_destroy    os_pthread_rwlock_destroy
#define pthread_rwlock_tryrdlock  os_pthread_rwlock_tryrdlock
#define pthread_rwlock_trywrlock  os_pthread_rwlock_trywrlock
#define pthread_rwlock_rdlock     os_pthread_rwlock_rdlock
#define pthread_rwlock_wrlock     os_pthread_rwlock_wrlock
#define pthread_rwlock_unlock     os_pthread_rwlock_unlock
