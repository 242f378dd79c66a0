package jmx

import "github.com/icarus-sidecar/icarus/pkg/jmx/rmi"

// The methods of javax.management.remote.rmi.RMIServer and RMIConnection. The
// Subject is null in all of them: newer JVMs refuse any other.
var (
	methodNewClient = rmi.NewMethod("newClient(Ljava/lang/Object;)Ljavax/management/remote/rmi/RMIConnection;")
	methodClose     = rmi.NewMethod("close()V")

	methodGetAttribute = rmi.NewMethod("getAttribute(Ljavax/management/ObjectName;Ljava/lang/String;" +
		"Ljavax/security/auth/Subject;)Ljava/lang/Object;")
	methodGetAttributes = rmi.NewMethod("getAttributes(Ljavax/management/ObjectName;[Ljava/lang/String;" +
		"Ljavax/security/auth/Subject;)Ljavax/management/AttributeList;")
	methodSetAttribute = rmi.NewMethod("setAttribute(Ljavax/management/ObjectName;Ljava/rmi/MarshalledObject;" +
		"Ljavax/security/auth/Subject;)V")
	methodInvoke = rmi.NewMethod("invoke(Ljavax/management/ObjectName;Ljava/lang/String;Ljava/rmi/MarshalledObject;" +
		"[Ljava/lang/String;Ljavax/security/auth/Subject;)Ljava/lang/Object;")
	methodQueryNames = rmi.NewMethod("queryNames(Ljavax/management/ObjectName;Ljava/rmi/MarshalledObject;" +
		"Ljavax/security/auth/Subject;)Ljava/util/Set;")
	methodGetMBeanInfo = rmi.NewMethod("getMBeanInfo(Ljavax/management/ObjectName;" +
		"Ljavax/security/auth/Subject;)Ljavax/management/MBeanInfo;")
	methodGetDefaultDomain = rmi.NewMethod("getDefaultDomain(Ljavax/security/auth/Subject;)Ljava/lang/String;")

	methodAddNotificationListeners = rmi.NewMethod("addNotificationListeners([Ljavax/management/ObjectName;" +
		"[Ljava/rmi/MarshalledObject;[Ljavax/security/auth/Subject;)[Ljava/lang/Integer;")
	methodRemoveNotificationListeners = rmi.NewMethod("removeNotificationListeners(Ljavax/management/ObjectName;" +
		"[Ljava/lang/Integer;Ljavax/security/auth/Subject;)V")
	methodFetchNotifications = rmi.NewMethod("fetchNotifications(JIJ)Ljavax/management/remote/NotificationResult;")
)
